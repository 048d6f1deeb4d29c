import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { StaleRead } from "../../../lib/profile/capture/errors.ts";
import { CheckedFiles } from "../../../lib/profile/checked-files.ts";
import { verifyProfile } from "../../../lib/profile/verify.ts";
import type { Capture } from "../../../lib/store.ts";
import { useFolder } from "../../support/folder.ts";
import { capture, contents } from "../support/captures.ts";
import { trustFiles } from "../support/clock.ts";
import { useSameTimes } from "../support/same-times.ts";
import { type Files, SQLITE_DB, sqliteProfile, writeFiles } from "../support/small-profile.ts";
import { type Frame, smallSqlite, walBytes } from "../support/sqlite-bytes.ts";
import { verifyCapture } from "../support/verify-capture.ts";

const newFolder = useFolder();
let dir: string;

beforeEach(() => {
  dir = newFolder();
});

describe("SqliteCapture", () => {
  function withEmptyPage(): Buffer {
    const [schema, , free] = smallSqlite() as [Buffer, Buffer, Buffer];
    return Buffer.concat([schema, Buffer.alloc(schema.length), free]);
  }

  it("cuts the write-ahead log after its last commit", async () => {
    const [schema, table] = smallSqlite(["new"]) as [Buffer, Buffer];
    const frames = [
      { page: 2, commit: 3, data: table },
      { page: 1, commit: 0, data: schema },
    ];
    await writeFiles(dir, { ...sqliteProfile(), [`${SQLITE_DB}-wal`]: walBytes(frames) });
    const taken = await capture(dir);
    expect((await contents(taken))[`${SQLITE_DB}-wal`]).toBe(walBytes(frames.slice(0, 1)).toString("latin1"));
    expect((await verifyCapture(taken)).problems).toEqual([]);
  });

  it("leaves out a write-ahead log without a commit", async () => {
    for (const wal of [Buffer.alloc(0), walBytes([])]) {
      await writeFiles(dir, { ...sqliteProfile(), [`${SQLITE_DB}-wal`]: wal });
      expect((await capture(dir)).files.map(({ path }) => path)).not.toContain(`${SQLITE_DB}-wal`);
    }
  });

  it.each<[string, Files, RegExp]>([
    ["it is cut", { [SQLITE_DB]: Buffer.concat(smallSqlite()).subarray(0, 1_024) }, /page 3 of 3 is missing/],
    ["it is none", { [SQLITE_DB]: "x".repeat(600) }, /magic/],
    ["a page of one is empty", { "Default/LocalStorage": withEmptyPage() }, /is no tree page/],
    ["a rollback journal is left", { [`${SQLITE_DB}-journal`]: "x".repeat(600) }, /journal/],
  ])("rejects as damaged when %s", async (_name, more, reason) => {
    await writeFiles(dir, { ...sqliteProfile(), ...more });
    await expect(capture(dir, { live: false })).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(reason),
    });
  });

  it("refuses to read a database that has changed since it was captured at rest", async () => {
    await writeFiles(dir, sqliteProfile());
    const taken = await capture(dir, { live: false });
    const file = taken.files.find(({ path }) => path === SQLITE_DB);
    await writeFile(join(dir, SQLITE_DB), Buffer.alloc(1_536, 1));
    await expect(file?.read(0, 10)).rejects.toBeInstanceOf(StaleRead);
  });

  it.each([true, false])("refuses it to a thread as well (changed before the read: %s)", async (isBefore) => {
    await writeFiles(dir, sqliteProfile());
    const taken = await capture(dir, { live: false });
    const file = taken.files.find(({ path }) => path === SQLITE_DB);
    const change = (): Promise<void> => writeFile(join(dir, SQLITE_DB), Buffer.alloc(1_536, 1));
    if (isBefore) await change();
    const reading = file?.withDescriptor?.(async ({ fd, position }) => {
      if (!isBefore) await change();
      return [fd, position];
    });
    expect(reading).toBeInstanceOf(Promise);
    await expect(reading).rejects.toBeInstanceOf(StaleRead);
  });

  describe("of a log that was scanned before", () => {
    const LOG = `${SQLITE_DB}-wal`;
    const [first, second] = ["new", "newest"].map((row) => ({
      page: 2,
      commit: 3,
      data: smallSqlite([row])[1] as Buffer,
    })) as [Frame, Frame];
    const earlier = walBytes([first, first, first], { salt: 3 });
    let checked: CheckedFiles;

    beforeEach(() => {
      checked = new CheckedFiles();
    });

    /** Writes a log, and behind it frames from before it was reset: so all these logs have the same size. */
    async function writeLog(frames: Frame[], salt: number): Promise<void> {
      const wal = walBytes(frames, { salt });
      await writeFile(join(dir, LOG), Buffer.concat([wal, earlier.subarray(wal.length)]));
    }

    async function logOf(taken: Capture): Promise<Buffer | undefined> {
      const file = taken.files.find(({ path }) => path === LOG);
      return await file?.read(0, file.size);
    }

    it("copies it when it got a commit and its timestamps do not tell", async () => {
      await useSameTimes();
      await writeFiles(dir, sqliteProfile());
      await writeLog([first], 7);
      const { files: stored } = await capture(dir, { checked });
      await writeLog([first, second], 7);
      const taken = await capture(dir, { checked, stored });
      await writeLog([first], 8);
      expect(await logOf(taken)).toEqual(walBytes([first, second], { salt: 7 }));
    });

    it("scans it again when it was reset and its timestamps do not tell", async () => {
      await useSameTimes();
      await writeFiles(dir, sqliteProfile());
      await writeLog([first], 7);
      const { files: stored } = await capture(dir, { checked });
      await writeLog([second, first], 8);
      const taken = await capture(dir, { checked, stored });
      expect(await logOf(taken)).toEqual(walBytes([second, first], { salt: 8 }));
    });

    it("copies it when it is not stored", async () => {
      await writeFiles(dir, sqliteProfile());
      await writeLog([first], 7);
      await trustFiles(dir);
      expect((await verifyProfile(dir, { checked })).problems).toEqual([]);
      const taken = await capture(dir, { checked });
      await writeLog([second], 8);
      expect(await logOf(taken)).toEqual(walBytes([first], { salt: 7 }));
    });
  });
});
