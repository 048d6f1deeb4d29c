// One side in a process of its own, so that the measurements are of this side alone. Started by worker-process.ts.
import { whatsapp } from "../test/support/whatsapp.ts";
import { type Contender, Ours, Shipped } from "./contenders.ts";
import { noTraffic } from "./counting-blobs.ts";
import type { Figures } from "./figures.ts";
import { Limit } from "./limit.ts";
import { measure } from "./measure.ts";
import { openStore } from "./stores.ts";
import type { WorkerReply, WorkerRequest, WorkerSpec } from "./worker-process.ts";

const spec = JSON.parse(process.argv[2] ?? "") as WorkerSpec;
const { side, dataPath } = spec;
const traffic = noTraffic();
const store = await openStore(spec.store);
const limit = spec.store.kind === "file" ? new Limit(spec.store.directory, dataPath, traffic) : undefined;
const contender = contenderOf();
const ids = Array.from({ length: spec.sessions }, (_, index) => `s${index + 1}`);

process.on("message", (request: WorkerRequest) => {
  step(request).then(
    (figures) => reply({ figures }),
    (error: unknown) => reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
// Pending writes end; then nothing keeps this process running.
process.once("disconnect", () => {
  contender
    .close()
    .finally(() => store.close())
    .catch(() => {});
});
// A bot of either side has loaded it at its start.
whatsapp("1.34.7");
reply({ node: process.versions.node });

function reply(message: WorkerReply): void {
  process.send?.(message);
}

function contenderOf(): Contender {
  const options = { store, dataPath, traffic };
  if (side === "ours") return new Ours(options);
  if (side === "shipped") return new Shipped(options);
  if (limit === undefined) throw new Error("The limit is measured on a directory.");
  return limit;
}

async function step({ action }: WorkerRequest): Promise<Figures> {
  Object.assign(traffic, noTraffic());
  const cost = await measure(() => Promise.all(ids.map((id) => contender[action](id))));
  const figures = { ...cost, ...traffic };
  if (contender !== limit || action !== "save" || !spec.compresses) return figures;
  return { ...figures, compressedBytes: await limit.compressedBytes(ids.length) };
}
