// Saves end while threads read: `tsx ended-saves.ts <directory> <reads>`. The capture is closed, or the save is aborted, with each of
// the first reads. Says how the saves ended, and which files are open at the end.
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { built, threads } from "./built.ts";
import { levelDbProfile, sqliteProfile } from "./large-profile.ts";
import { SavedProfile } from "./saved-profile.ts";

const { FileStore } = await built<typeof import("../../../../adapters/fs/index.ts")>("adapters/fs/index.ts");
const [directory = "", reads = "4"] = process.argv.slice(2);
const store = new FileStore({ directory: join(directory, "stored") });
const READS = Number(reads);

/** The files below the directory that this process has open. */
function openFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(directory) ? [path] : [];
    } catch {
      return [];
    }
  });
}

const ends: Record<string, number> = {};
await threads.start();
for (const profile of [
  await levelDbProfile(join(directory, "leveldb"), 3),
  await sqliteProfile(join(directory, "sqlite"), 32_000),
]) {
  const saved = await SavedProfile.open(profile, store, profile.dir.endsWith("sqlite") ? "sqlite" : "leveldb");
  await saved.save();
  let stored = await saved.files();
  for (let save = 0; save < 2 * READS; save++) {
    await profile.use();
    const capture = await saved.capture();
    const abort = new AbortController();
    let reads = 0;
    let closing: Promise<void> | undefined;
    threads.onOffer = (job) => {
      if (job !== "hash-pieces-job" || reads++ !== save >> 1) return;
      if (save % 2 === 0) abort.abort(new Error("aborted"));
      closing = capture.close();
    };
    const end = await saved.save(capture, { signal: abort.signal }).then(
      () => "saved",
      ({ message }: Error) => message.replace(/read .*:/, "read a file:"),
    );
    threads.onOffer = () => {};
    await closing;
    ends[end] = (ends[end] ?? 0) + 1;
    if (end === "saved") stored = await saved.files();
    await saved.assertStored(stored);
  }
  await saved.save();
  await saved.assertStored();
  await saved.release();
}
console.log(JSON.stringify({ ends, done: threads.done, closed: threads.closed, open: openFiles() }));
