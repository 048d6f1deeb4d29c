// Saves while threads are killed: `tsx killed-threads.ts <directory> <job> <number>`. With the job of this number, the
// thread that does it dies. Says how the save ended.
import assert from "node:assert/strict";
import { join } from "node:path";
import { built, threads } from "./built.ts";
import { levelDbProfile } from "./large-profile.ts";
import { SavedProfile } from "./saved-profile.ts";

const { FileStore } = await built<typeof import("../../../../adapters/fs/index.ts")>("adapters/fs/index.ts");
const [directory = "", job = "", number = "1"] = process.argv.slice(2);
const store = new FileStore({ directory: join(directory, "stored") });
const saved = await SavedProfile.open(await levelDbProfile(join(directory, "profile"), 3), store, "bot");
await threads.start();
await saved.save();
const before = await saved.files();
for (let table = 0; table < 6; table++) await saved.profile.use();

let left = Number(number);
let killed: Promise<void> | undefined;
threads.onOffer = (name) => {
  if (name === job && --left === 0) killed = threads.kill();
};
const code = await saved.save().then(
  () => "saved",
  (error: { code?: string }) => error.code,
);
assert.ok(killed, "no thread was killed");
await killed;
await saved.assertStored(code === "saved" ? undefined : before);
await saved.profile.use();
await saved.save();
await saved.assertStored();
console.log(JSON.stringify({ code, done: threads.done }));
