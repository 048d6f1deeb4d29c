import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { MemoryStore } from "../../../adapters/memory.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { countReads } from "../../torture/count-reads.ts";
import { largeProfile } from "../support/linked-profile.ts";
import { ScriptedBrowser, ScriptedClient } from "../support/scripted-client.ts";

const folder = useFolder();
const BYTES = 8_000_000;
/** One pass, with the logs and the ends of the tables that are read beside it. */
const ONE_PASS = 1.1;

/** Starts a client, and ends it after its first save: how often each half has read the profile. */
async function passes(store: MemoryStore, dataPath: string): Promise<{ start: number; save: number; seen: string[] }> {
  const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000 });
  const client = new ScriptedClient(strategy);
  const saved = new Promise((resolve) => client.once("remote_session_saved", resolve));
  const start = await countReads(async () => {
    await strategy.beforeBrowserInitialized();
    client.pupBrowser = new ScriptedBrowser();
    await strategy.afterBrowserInitialized();
  });
  const save = await countReads(async () => {
    await client.ready();
    await saved;
  });
  await client.destroy();
  return { start: start.bytes / BYTES, save: save.bytes / BYTES, seen: client.seen };
}

it("a profile is read once at the start and once until its first save, and not at all once it was restored", async () => {
  const dataPath = folder();
  const profile = join(dataPath, "RemoteAuth");
  const store = new MemoryStore();
  await writeFiles(largeProfile(BYTES), profile);

  const adopted = await passes(store, dataPath);
  const kept = await passes(store, dataPath);
  await rm(profile, { recursive: true });
  const restored = await passes(store, dataPath);

  expect([adopted.seen[0], kept.seen[0], restored.seen[0]]).toEqual(["saved", "saved", "restored"]);
  // Its bytes have been proven by their hashes.
  expect(restored.start).toBeLessThan(0.1);
  for (const { start } of [adopted, kept]) {
    expect(start).toBeGreaterThan(0.9);
    expect(start).toBeLessThan(ONE_PASS);
  }
  for (const { save } of [adopted, kept, restored]) {
    expect(save).toBeGreaterThan(0.9);
    expect(save).toBeLessThan(ONE_PASS);
  }
});
