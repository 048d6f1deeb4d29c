// Saves and restores with threads and without them, in one store: `tsx round-trip.ts <directory> [<encryption as JSON>]`.
// Says what the threads have done.
import assert from "node:assert/strict";
import { join } from "node:path";
import { times } from "../../../support/length.ts";
import { built, threads } from "./built.ts";
import { levelDbProfile, sqliteProfile, type UsedProfile } from "./large-profile.ts";
import { SavedProfile } from "./saved-profile.ts";
import { assertStoredAlike } from "./stored-alike.ts";

const { FileStore } = await built<typeof import("../../../../adapters/fs/index.ts")>("adapters/fs/index.ts");
const [directory = "", encryptionText = "null"] = process.argv.slice(2);
const encryption = JSON.parse(encryptionText) ?? undefined;
const stored = join(directory, "stored");
const sizes: number[] = [];

/** A vault of its own, as another process would have it. */
async function open(profile: UsedProfile, session: string, into = stored): Promise<SavedProfile> {
  return await SavedProfile.open(profile, new FileStore({ directory: into, encryption }), session);
}

async function saveChanges(saved: SavedProfile, count: number): Promise<void> {
  for (let save = 0; save < count; save++) {
    await saved.profile.use();
    const saving = saved.save();
    if (threads.isOn) void saving.then(() => sizes.push(threads.size));
    assert.equal((await saving).unchanged, false);
    await saved.assertStored();
  }
}

async function roundTrip(profile: UsedProfile, session: string): Promise<void> {
  await threads.start();
  const first = await open(profile, session);
  await first.save();
  await first.assertStored();
  if (!encryption?.passphrase) await assertStoredAlike(stored, session, () => saveInline(profile, session));
  await saveChanges(first, times(1, 2));
  await first.release();

  threads.isOn = false;
  const inline = await open(profile, session);
  await inline.assertStored();
  // Its hashes are those of the threads.
  assert.equal((await inline.save()).unchanged, true);
  await saveChanges(inline, times(1, 2));
  await inline.release();

  await threads.start();
  const again = await open(profile, session);
  await again.assertStored();
  assert.equal((await again.save()).unchanged, true);
  await saveChanges(again, 1);
  await again.release();
}

/** Saves the profile in another store by this thread alone. @returns the directory of that store */
async function saveInline(profile: UsedProfile, session: string): Promise<string> {
  threads.isOn = false;
  const into = join(directory, "inline");
  const saved = await open(profile, session, into);
  await saved.save();
  await saved.release();
  threads.isOn = true;
  return into;
}

await roundTrip(await levelDbProfile(join(directory, "leveldb"), 12), "leveldb");
await roundTrip(await sqliteProfile(join(directory, "sqlite"), 32_000), "sqlite");
console.log(JSON.stringify({ done: threads.done, sizes }));
