// Captures of a database with a damaged page, which a thread checks: `tsx damaged-database.ts <directory>`. Says how each
// ended, with threads and without them.
import { open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SIGNAL_STORAGE_DB, SQLITE_DB } from "../../../profile/support/small-profile.ts";
import { smallSqlite, walBytes } from "../../../profile/support/sqlite-bytes.ts";
import { built, threads } from "./built.ts";
import { sqliteProfile } from "./large-profile.ts";

const { captureProfile } = await built<typeof import("../../../../lib/profile/capture/capture.ts")>(
  "lib/profile/capture/capture.ts",
);
const [directory = ""] = process.argv.slice(2);
const JOB = "check-trees-job";
const FREE_PAGES = 34_000;
const PAGE_BYTES = 512;
const whole = smallSqlite()[1] as Buffer;
const dir = join(directory, "profile");
const database = join(dir, SQLITE_DB);

/** How a capture ends, and how many checks threads have done for it. */
interface End {
  readonly end: string;
  readonly checks: number;
}

async function endOf(options: { live: boolean; signal?: AbortSignal }): Promise<End> {
  const before = threads.done[JOB] ?? 0;
  const end = await captureProfile(dir, options).then(
    async (capture) => {
      await capture.close();
      return "captured";
    },
    ({ code, message }: { code?: string; message: string }) => `${code}: ${message}`,
  );
  return { end, checks: (threads.done[JOB] ?? 0) - before };
}

async function writePage(page: Buffer): Promise<void> {
  const file = await open(database, "r+");
  await file.write(page, 0, PAGE_BYTES, PAGE_BYTES);
  await file.close();
}

/** A capture that is aborted once its check was given away. */
async function abortedEnd(): Promise<End> {
  const controller = new AbortController();
  threads.onOffer = (job) => {
    if (job === JOB) controller.abort(Object.assign(new Error("enough"), { code: "ABORTED" }));
  };
  const end = await endOf({ live: false, signal: controller.signal });
  threads.onOffer = () => {};
  return end;
}

await sqliteProfile(dir, FREE_PAGES);
// What the threads check is this database.
for (const other of [SIGNAL_STORAGE_DB, "Default/LocalStorage"]) await rm(join(dir, other));
const said: Record<string, Record<string, End>> = {};
for (const isOn of [true, false]) {
  if (isOn) await threads.start();
  threads.isOn = isOn;
  await writePage(whole);
  const sound = await endOf({ live: false });
  const aborted = await abortedEnd();
  await writePage(Buffer.alloc(PAGE_BYTES, 1));
  const damaged = await endOf({ live: false });
  await writeFile(`${database}-wal`, walBytes([{ page: 2, commit: 2 + FREE_PAGES, data: whole }]));
  const [mended, mendedLive] = [await endOf({ live: false }), await endOf({ live: true })];
  // A log that carries another page mends nothing.
  const other = Buffer.alloc(PAGE_BYTES);
  await writeFile(`${database}-wal`, walBytes([{ page: 4, commit: 2 + FREE_PAGES, data: other }]));
  const unmended = await endOf({ live: false });
  await rm(`${database}-wal`);
  said[isOn ? "threads" : "inline"] = { sound, aborted, damaged, mended, mendedLive, unmended };
}
console.log(JSON.stringify({ ...said, done: threads.done }));
