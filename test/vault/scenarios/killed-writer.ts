// A process of its own that saves one generation after the other until it is killed.
// Says `held <epoch>` once it has the session and `saved <generation> <round>` after each commit.
import { FileStore } from "../../../adapters/fs/index.ts";
import { captureOf } from "../../contract/profile.ts";
import { roundFiles } from "../support/rounds.ts";

const [directory = "", first = "0"] = process.argv.slice(2);
const session = "RemoteAuth-bot";
const store = new FileStore({ directory, keep: 2 });
const lease = await store.acquire({ session });
process.stdout.write(`held ${lease.epoch}\n`);
for (let round = Number(first); ; round++) {
  const { generation } = await store.saveProfile({ session, lease, capture: captureOf(roundFiles(round)) });
  process.stdout.write(`saved ${generation} ${round}\n`);
  if (round % 5 === 4) await store.prune({ session, lease });
}
