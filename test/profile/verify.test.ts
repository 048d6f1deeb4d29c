import { execFileSync } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { captureProfile } from "../../lib/profile/capture/capture.ts";
import { repairProfile } from "../../lib/profile/repair.ts";
import { verifyCapture, verifyProfile } from "../../lib/profile/verify.ts";
import type { Capture } from "../../lib/store.ts";
import { useFolder } from "../support/folder.ts";
import { logBytes } from "./support/leveldb-bytes.ts";
import { flipped } from "./support/random.ts";
import {
  type Files,
  INDEXED_DB,
  LOCAL_STORAGE,
  levelDbProfile,
  SQLITE_DB,
  sqliteProfile,
  writeFiles,
} from "./support/small-profile.ts";

const newFolder = useFolder();
let dir: string;

beforeEach(() => {
  dir = newFolder();
});

const whole = { indexedDb: "leveldb", localStorage: "leveldb", browserVersion: "156.0.8078.79" };

describe("verifyProfile", () => {
  it("of what is not there, empty or unrelated is empty, without a problem", async () => {
    expect(await verifyProfile(join(dir, "absent"))).toEqual({ problems: [], empty: true, profile: {} });
    expect(await verifyProfile(dir)).toEqual({ problems: [], empty: true, profile: {} });
    await writeFiles(dir, { "Default/Preferences": "{}", "holiday.jpg": "x" });
    expect(await verifyProfile(dir)).toEqual({ problems: [], empty: true, profile: {} });
  });

  it("names the file and the reason, of every store", async () => {
    const files = levelDbProfile();
    delete files[`${INDEXED_DB}/000008.ldb`];
    files[`${LOCAL_STORAGE}/CURRENT`] = "";
    await writeFiles(dir, files);
    expect(await verifyProfile(dir)).toEqual({
      problems: [
        { path: `${INDEXED_DB}/MANIFEST-000001`, reason: "table 000008 is missing" },
        { path: `${LOCAL_STORAGE}/CURRENT`, reason: "it does not name a manifest" },
      ],
      empty: false,
      profile: whole,
    });
  });

  it("goes into every SQLite database", async () => {
    const files = sqliteProfile();
    await writeFiles(dir, { ...files, [`${SQLITE_DB}-wal`]: (files[`${SQLITE_DB}-wal`] as Buffer).subarray(0, -1) });
    expect((await verifyProfile(dir)).problems).toEqual([{ path: `${SQLITE_DB}-wal`, reason: "ends inside a frame" }]);
    await writeFiles(dir, { ...files, "Default/LocalStorage": "no database" });
    expect((await verifyProfile(dir)).problems).toEqual([
      { path: "Default/LocalStorage", reason: "it is shorter than its header" },
    ]);
  });

  it("says what selection refuses, as a problem", async () => {
    await writeFiles(dir, { ...levelDbProfile(), [SQLITE_DB]: "x" });
    const { problems, empty } = await verifyProfile(dir);
    expect(problems).toEqual([{ path: "", reason: expect.stringMatching(/IndexedDB in two forms/) }]);
    expect(empty).toBe(false);
  });

  it("can be pointed at one LevelDB directory", async () => {
    await writeFiles(dir, levelDbProfile());
    expect(await verifyProfile(join(dir, INDEXED_DB))).toEqual({ problems: [], empty: false, profile: {} });
    await rm(join(dir, INDEXED_DB, "CURRENT"));
    expect((await verifyProfile(join(dir, INDEXED_DB))).problems).toEqual([
      { path: "CURRENT", reason: "it is missing" },
    ]);
  });

  it("can be pointed at one SQLite file, and takes its log with it", async () => {
    await writeFiles(dir, sqliteProfile());
    expect((await verifyProfile(join(dir, SQLITE_DB))).problems).toEqual([]);
    await writeFile(join(dir, `${SQLITE_DB}-wal`), "no log, but long enough to be looked at as one");
    expect((await verifyProfile(join(dir, SQLITE_DB))).problems).toHaveLength(1);
    await writeFile(join(dir, "notes.txt"), "no database");
    expect((await verifyProfile(join(dir, "notes.txt"))).problems).toHaveLength(1);
  });

  it.skipIf(process.platform === "win32")("does not hang on a pipe", async () => {
    await writeFiles(dir, levelDbProfile());
    await rm(join(dir, INDEXED_DB, "CURRENT"));
    execFileSync("mkfifo", [join(dir, INDEXED_DB, "CURRENT")]);
    expect((await verifyProfile(dir)).problems).not.toEqual([]);
    await expect(captureProfile(dir, { live: false })).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("ends when it is told to", async () => {
    await writeFiles(dir, levelDbProfile());
    const reason = new Error("enough");
    await expect(verifyProfile(dir, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("verifyCapture", () => {
  it("finds what is wrong with the files, and a store that is not the one the capture says", async () => {
    await writeFiles(dir, levelDbProfile());
    const capture = await captureProfile(dir, { live: false });
    expect((await verifyCapture(capture)).problems).toEqual([]);
    const less: Capture = { ...capture, files: capture.files.filter(({ path }) => !path.endsWith("000005.ldb")) };
    expect((await verifyCapture(less)).problems.map(({ reason }) => reason)).toEqual([
      ...["table 000005 is missing", "table 000005 is missing"],
    ]);
    const none: Capture = { ...capture, files: [] };
    expect(await verifyCapture(none)).toMatchObject({ empty: true });
    expect((await verifyCapture(none)).problems).toHaveLength(2);
    await capture.close();
  });
});

describe("repairProfile", () => {
  async function contentOf(path: string): Promise<string> {
    return (await readFile(join(dir, path))).toString("latin1");
  }

  it("has nothing to do where nothing is torn, or nothing is", async () => {
    expect(await repairProfile(join(dir, "absent"))).toEqual({ trimmed: [] });
    for (const files of [levelDbProfile(), sqliteProfile()]) {
      await rm(dir, { recursive: true });
      await writeFiles(dir, files);
      expect(await repairProfile(dir)).toEqual({ trimmed: [] });
      for (const [path, content] of Object.entries(files)) {
        expect(await contentOf(path)).toBe(Buffer.from(content as string).toString("latin1"));
      }
    }
  });

  it("cuts a torn manifest, a torn newest log and a torn write-ahead log, at every length", async () => {
    const torn: [Files, string, Buffer][] = [
      [levelDbProfile(), `${INDEXED_DB}/MANIFEST-000001`, logBytes([Buffer.from([2, 9])])],
      [levelDbProfile(), `${LOCAL_STORAGE}/000010.log`, logBytes([Buffer.alloc(20, 1)])],
      [sqliteProfile(), `${SQLITE_DB}-wal`, (sqliteProfile()[`${SQLITE_DB}-wal`] as Buffer).subarray(32, 500)],
    ];
    for (const [files, path, more] of torn) {
      const before = files[path] as Buffer;
      for (let length = 1; length < more.length; length += length < 40 ? 1 : 57) {
        await rm(dir, { recursive: true });
        await writeFiles(dir, { ...files, [path]: Buffer.concat([before, more.subarray(0, length)]) });
        expect((await verifyProfile(dir)).problems.map((problem) => problem.path)).toEqual([path]);
        const trim = { path, from: before.length + length, to: before.length };
        expect(await repairProfile(dir)).toEqual({ trimmed: [trim] });
        expect(await contentOf(path)).toBe(before.toString("latin1"));
        expect((await verifyProfile(dir)).problems).toEqual([]);
      }
    }
  });

  it("leaves a write-ahead log alone whose header is damaged: its commits may be all there", async () => {
    const files = sqliteProfile();
    const path = `${SQLITE_DB}-wal`;
    const wal = flipped(files[path] as Buffer, 18, 3);
    await writeFiles(dir, { ...files, [path]: wal });
    expect(await repairProfile(dir)).toEqual({ trimmed: [] });
    expect(await contentOf(path)).toBe(wal.toString("latin1"));
    expect((await verifyProfile(dir)).problems).toEqual([{ path, reason: "wrong checksum of its header" }]);
    // One that was torn in its header holds nothing.
    await writeFiles(dir, { [path]: wal.subarray(0, 20) });
    expect(await repairProfile(dir)).toEqual({ trimmed: [{ path, from: 20, to: 0 }] });
  });

  it("leaves other damage alone", async () => {
    const files = levelDbProfile();
    for (const store of [INDEXED_DB, LOCAL_STORAGE]) {
      files[`${store}/000010.log`] = Buffer.from(files[`${store}/000010.log`] as Buffer).fill(7, 20, 24);
    }
    await writeFiles(dir, files);
    expect(await repairProfile(dir)).toEqual({ trimmed: [] });
    expect((await verifyProfile(dir)).problems.map(({ path }) => path)).toEqual([
      `${INDEXED_DB}/000010.log`,
      `${LOCAL_STORAGE}/000010.log`,
    ]);
  });
});
