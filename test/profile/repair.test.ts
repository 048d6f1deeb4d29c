import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { repairProfile } from "../../lib/profile/repair.ts";
import { verifyProfile } from "../../lib/profile/verify.ts";
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

describe("repairProfile", () => {
  async function contentOf(path: string): Promise<string> {
    return (await readFile(join(dir, path))).toString("latin1");
  }

  it("changes nothing in a whole profile, nor in an absent one", async () => {
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

  it("keeps a write-ahead log whose header is damaged: its commits may all be there", async () => {
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

  it("leaves damage inside a log as it is", async () => {
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
