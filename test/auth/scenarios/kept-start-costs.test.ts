import { stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { LocalProfile } from "../../../lib/auth/local/local-profile.ts";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { trustFiles } from "../../profile/support/clock.ts";
import { countCalls } from "../../profile/support/disk-calls.ts";
import {
  MESSAGE_BYTES,
  TABLE_BYTES,
  writeLevelDbProfile,
  writeSqliteProfile,
} from "../../profile/support/large-profile.ts";
import { useFolder } from "../../support/folder.ts";

// What a start on a kept profile reads: each byte is checked once.

const newFolder = useFolder();
const { signal } = new AbortController();
let dir: string;

beforeEach(() => {
  dir = join(newFolder(), "profile");
});

async function inspect(): Promise<LocalProfile> {
  const local = await LocalProfile.inspect(dir, "session", signal);
  if (local === undefined || local.problem !== undefined) throw new Error(local?.problem ?? "there is no profile");
  return local;
}

describe("a start on a kept profile", () => {
  it("reads each LevelDB table once, its end three times, and each log twice", async () => {
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
    // By the checks the end of each table, by the look for credentials its end, its first block, and the logs again.
    expect(bytes).toBeLessThan(all + tables * (2 * 65_536 + 8_100) + MESSAGE_BYTES + 8_000);
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

  it("verifies a profile with torn logs once more, after their ends were cut", async () => {
    await writeLevelDbProfile(dir, 2);
    const log = join(dir, "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/000003.log");
    const { size } = await stat(log);
    await truncate(log, size - 3);
    expect((await inspect()).empty).toBe(false);
    expect((await stat(log)).size).toBeLessThan(size - 3);
  });
});
