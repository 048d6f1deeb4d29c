// Files of a capture change while they are read, by threads and without them: `tsx changed-files.ts <directory>`. Says how
// each save ended.
import { open, readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { INDEXED_DB, SQLITE_DB } from "../../../profile/support/small-profile.ts";
import { built, threads } from "./built.ts";
import { levelDbProfile, sqliteProfile } from "./large-profile.ts";
import { SavedProfile } from "./saved-profile.ts";

const { FileStore } = await built<typeof import("../../../../adapters/fs/index.ts")>("adapters/fs/index.ts");
const [directory = ""] = process.argv.slice(2);
const store = new FileStore({ directory: join(directory, "stored") });

/** How a save ends during which `change` is made, before the third part of a file is read. */
async function endOf(saved: SavedProfile, change: () => Promise<void>): Promise<string> {
  const before = await saved.files();
  const capture = await saved.capture({ live: false });
  let reads = 0;
  let changing: Promise<void> | undefined;
  // The pool is asked by the same call that reads: what waits for it comes after the change.
  threads.before = (job) => {
    if (job === "hash-pieces-job" && ++reads === 3) changing = change();
    return changing ?? Promise.resolve();
  };
  const end = await saved.save(capture).then(
    () => "saved",
    ({ code, message }: { code?: string; message: string }) => `${code}: ${message}`,
  );
  threads.before = async () => {};
  await saved.assertStored(before);
  return end;
}

const ends: Record<string, string[]> = { shorter: [], changed: [] };
for (const isOn of [true, false]) {
  if (isOn) await threads.start();
  threads.isOn = isOn;
  const name = isOn ? "threads" : "inline";
  const levelDb = await SavedProfile.open(await levelDbProfile(join(directory, name), 4), store, name);
  await levelDb.save();
  const folder = join(directory, name, INDEXED_DB);
  const shorten = async (): Promise<void> => {
    const tables = (await readdir(folder)).filter((file) => file.endsWith(".ldb"));
    for (const table of tables) await truncate(join(folder, table), 1_000_000);
  };
  ends.shorter?.push(await endOf(levelDb, shorten));
  const sqlite = await SavedProfile.open(
    await sqliteProfile(join(directory, `${name}-db`), 32_000),
    store,
    `${name}-db`,
  );
  await sqlite.save();
  const change = async (): Promise<void> => {
    const file = await open(join(directory, `${name}-db`, SQLITE_DB), "r+");
    await file.write("changed", 10_000_000);
    await file.close();
  };
  ends.changed?.push(await endOf(sqlite, change));
}
console.log(JSON.stringify({ ends, done: threads.done, closed: threads.closed }));
