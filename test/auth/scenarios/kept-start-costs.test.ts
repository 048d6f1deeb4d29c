import { stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { CountingBlobs, noTraffic } from "../../../bench/counting-blobs.ts";
import { LocalProfile } from "../../../lib/auth/local/local-profile.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { writeFiles } from "../../contract/profile.ts";
import { trustFiles } from "../../profile/support/clock.ts";
import { countCalls } from "../../profile/support/disk-calls.ts";
import {
  MESSAGE_BYTES,
  TABLE_BYTES,
  writeLevelDbProfile,
  writeSqliteProfile,
} from "../../profile/support/large-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { ScriptedBrowser, ScriptedClient } from "../support/scripted-client.ts";

// What a start on a kept profile reads: each byte is checked once.

const newFolder = useFolder();
const { signal } = new AbortController();
let dir: string;

beforeEach(() => {
  dir = join(newFolder(), "profile");
});

async function inspect(): Promise<LocalProfile> {
  const local = await LocalProfile.inspect({ dir, session: "session", signal });
  if (local === undefined || local.problem !== undefined) throw new Error(local?.problem ?? "there is no profile");
  return local;
}

describe("a start on a kept profile", () => {
  it("reads each LevelDB table once, and each log twice", async () => {
    const tables = 30;
    await writeLevelDbProfile(dir, tables);
    await trustFiles(dir);
    const { bytes, result } = await countCalls(async () => {
      const local = await inspect();
      return { local, isLinked: await local.isLinked(signal) };
    });
    expect(result.isLinked).toBe(true);
    expect(bytes).toBeGreaterThanOrEqual(tables * TABLE_BYTES);
    const capture = await captureProfile(dir, { live: true });
    const all = capture.files.reduce((sum, { size }) => sum + size, 0);
    await capture.close();
    // The look for credentials reads the logs again, and no table: none has a key as small as those of the databases' names.
    expect(bytes).toBeLessThan(all + MESSAGE_BYTES + 8_000);
    const first = await countCalls(() => captureProfile(dir, { live: true, checked: result.local.checked }));
    await first.result.close();
    // The first capture of the run reads no table.
    expect(first.bytes).toBeLessThan(8_000);
  });

  it("reads each SQLite database once", async () => {
    const pages = 6_000;
    await writeSqliteProfile(dir, pages);
    await trustFiles(dir);
    const { bytes } = await countCalls(async () => await (await inspect()).isLinked(signal));
    expect(bytes).toBeGreaterThanOrEqual(pages * 512);
    // The pages that list free pages, one of 127, are read once more.
    expect(bytes).toBeLessThan((pages + pages / 127 + 1) * 512 + 12_000);
  });

  it("asks a store nine things, and not again what it knows once the session is taken", async () => {
    const traffic = noTraffic();
    const blobs = new CountingBlobs(new MemoryBlobs(), traffic);
    const dataPath = join(dir, "..");
    const opened = async (): Promise<number> => {
      const strategy = new RemoteAuth({ store: new Vault({ blobs }), dataPath, backupSyncIntervalMs: 60_000 });
      const client = new ScriptedClient(strategy);
      const saved = new Promise((resolve) => client.once("remote_session_saved", resolve));
      Object.assign(traffic, noTraffic());
      await strategy.beforeBrowserInitialized();
      const { requests } = traffic;
      client.pupBrowser = new ScriptedBrowser();
      await strategy.afterBrowserInitialized();
      await client.ready();
      await saved;
      await client.destroy();
      return requests;
    };
    await writeFiles(linkedProfile("kept"), join(dataPath, "RemoteAuth"));
    await opened();
    // The traits; the newest entry and its lease (three); the hold, and whether it is the newest (two); the end of the
    // lease before (two keys), and the new lease.
    expect(await opened()).toBe(9);
  });

  it("verifies a profile with torn logs once more, after their ends were cut", async () => {
    await writeLevelDbProfile(dir, 2);
    const log = join(dir, "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/000003.log");
    const { size } = await stat(log);
    await truncate(log, size - 3);
    expect((await inspect()).empty).toBe(false);
    expect((await stat(log)).size).toBeLessThan(size - 3);
  });
});
