import { stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { CheckedFiles } from "../../../lib/profile/checked-files.ts";
import { captureCredentials } from "../../../lib/profile/credentials.ts";
import type { Capture, CaptureFile } from "../../../lib/store.ts";
import { useFolder } from "../../support/folder.ts";
import { trustFiles } from "../support/clock.ts";
import { countCalls, type DiskCalls } from "../support/disk-calls.ts";
import {
  MESSAGE_BYTES,
  TABLE_BYTES,
  useLevelDbProfile,
  writeLevelDbProfile,
  writeSqliteProfile,
} from "../support/large-profile.ts";
import { SQLITE_DB } from "../support/small-profile.ts";
import { smallSqlite, walBytes } from "../support/sqlite-bytes.ts";

// What a capture asks of the disk: as little as has changed, however large the profile is.

const [FEW, MANY] = [20, 120];
/** Bytes of headers, of `CURRENT`, and of the small databases of these profiles. */
const SMALL_BYTES = 8_000;
/** Bytes that are read from the end of a table before all of it is. */
const TAIL_BYTES = 65_536;

const newFolder = useFolder();
let dir: string;
let checked: CheckedFiles;
let stored: readonly CaptureFile[] | undefined;

beforeEach(() => {
  dir = join(newFolder(), "profile");
  checked = new CheckedFiles();
  stored = undefined;
});

/** A capture and its look at the credentials, as a save makes them. */
async function save(): Promise<DiskCalls & { result: Capture }> {
  const calls = await countCalls(async () => {
    const capture = await captureProfile(dir, { live: true, stored, checked });
    const known = new Map(stored?.map(({ path, identity }) => [path, identity]));
    const isStored = capture.files.every(
      ({ path, identity }) => identity !== undefined && known.get(path) === identity,
    );
    if (!isStored) await captureCredentials(capture, checked);
    return capture;
  });
  await calls.result.close();
  stored = calls.result.files;
  return calls;
}

function bytesOf(capture: Capture): number {
  return capture.files.reduce((sum, { size }) => sum + size, 0);
}

describe("a capture of LevelDB", () => {
  it("reads each table once, and the log twice, when it is the first", async () => {
    await writeLevelDbProfile(dir, FEW);
    await trustFiles(dir);
    const { bytes, result } = await save();
    const all = bytesOf(result);
    expect(bytes).toBeGreaterThanOrEqual(FEW * TABLE_BYTES);
    // The credentials are looked for in the log, and in no table: the manifest tells the first key of each.
    expect(bytes).toBeLessThan(all + MESSAGE_BYTES + SMALL_BYTES);
  });

  /** Another profile, with so many tables, that was saved once. */
  async function saveNewProfile(tables: number): Promise<void> {
    dir = join(newFolder(), "profile");
    stored = undefined;
    await writeLevelDbProfile(dir, tables);
    await trustFiles(dir);
    await save();
  }

  it("reads next to nothing when nothing has changed, in as many calls for any number of files", async () => {
    const costs: DiskCalls[] = [];
    for (const tables of [FEW, MANY]) {
      await saveNewProfile(tables);
      await save();
      const { bytes, written, asynchronous, synchronous } = await save();
      costs.push({ bytes, written, asynchronous, synchronous: synchronous - 2 * tables });
    }
    const [few, many] = costs as [DiskCalls, DiskCalls];
    expect(few.bytes).toBeLessThan(SMALL_BYTES);
    expect(few.asynchronous).toBeGreaterThan(10);
    expect(few.asynchronous).toBeLessThan(70);
    expect(few.synchronous).toBeLessThan(40);
    expect(many).toEqual(few);
  });

  it("reads what is new, when little has changed", async () => {
    const costs: number[] = [];
    for (const tables of [FEW, MANY]) {
      await saveNewProfile(tables);
      await useLevelDbProfile(dir);
      const { bytes, result } = await save();
      expect(result.files.some(({ path }) => path.endsWith("001500.ldb"))).toBe(true);
      costs.push(bytes);
    }
    const [few = 0, many = 0] = costs;
    expect(few).toBeGreaterThan(TABLE_BYTES);
    // The log is checked, and the credentials are looked for in it, and by its index in a table that was written just now.
    expect(few).toBeLessThan(1.05 * TABLE_BYTES + 2 * MESSAGE_BYTES + TAIL_BYTES + 9_000 + SMALL_BYTES);
    // The manifest names each table.
    expect(many - few).toBeLessThan(40 * (MANY - FEW));
  });
});

describe("a capture of SQLite", () => {
  const PAGES = 4_000;

  it("copies each database once and reads the copy once, when it is the first", async () => {
    await writeSqliteProfile(dir, PAGES);
    const { bytes, result } = await save();
    expect(bytes).toBeGreaterThanOrEqual(2 * bytesOf(result));
    // The pages that list free pages, one of 127, are read once more.
    expect(bytes).toBeLessThan(2 * bytesOf(result) + (PAGES / 127 + 1) * 512 + SMALL_BYTES);
  });

  it("reads next to nothing when nothing has changed", async () => {
    await writeSqliteProfile(dir, PAGES);
    await trustFiles(dir);
    await save();
    await save();
    const { bytes, asynchronous } = await save();
    expect(bytes).toBeLessThan(SMALL_BYTES);
    expect(asynchronous).toBeLessThan(90);
  });

  it("reads the log when only the log has changed", async () => {
    await writeSqliteProfile(dir, PAGES);
    await trustFiles(dir);
    await save();
    const table = smallSqlite(["new"])[1] as Buffer;
    const frames = Array.from({ length: 100 }, () => ({ page: 2, commit: PAGES + 2, data: table }));
    const wal = walBytes(frames);
    await writeFile(join(dir, `${SQLITE_DB}-wal`), wal);
    const { bytes, result } = await save();
    expect(result.files.find(({ path }) => path.endsWith("-wal"))?.size).toBe(wal.length);
    expect(bytes).toBeGreaterThanOrEqual(wal.length);
    expect(bytes).toBeLessThan(wal.length + SMALL_BYTES);
    // Then it is stored.
    await trustFiles(dir);
    await save();
    await save();
    const unchanged = await save();
    expect(unchanged.result.files.map(({ size }) => size)).toEqual(result.files.map(({ size }) => size));
    expect(unchanged.bytes).toBeLessThan(SMALL_BYTES);
  });

  it("reads a database again that has changed in place, and no other", async () => {
    await writeSqliteProfile(dir, PAGES);
    await trustFiles(dir);
    await save();
    await save();
    const { bytes: unchanged } = await save();
    const path = join(dir, "Default/LocalStorage");
    const { mtime, size } = await stat(path);
    await utimes(path, new Date(), mtime);
    await trustFiles(dir);
    const { bytes } = await save();
    // It is copied, and the copy is checked.
    expect(bytes - unchanged).toBeGreaterThanOrEqual(2 * size);
    expect(bytes - unchanged).toBeLessThan(5 * size);
  });
});
