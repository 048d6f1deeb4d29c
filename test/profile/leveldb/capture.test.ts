import { rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { useFolder } from "../../support/folder.ts";
import { capture, contents, onOpen, text } from "../support/captures.ts";
import { batchBytes, editBytes, logBytes, tableBytes } from "../support/leveldb-bytes.ts";
import { BLOBS, type Files, INDEXED_DB, LOCAL_STORAGE, levelDbProfile, writeFiles } from "../support/small-profile.ts";
import { verifyCapture } from "../support/verify-capture.ts";

const newFolder = useFolder();
let root: string;
let dir: string;

beforeEach(() => {
  root = newFolder();
  dir = join(root, "profile");
});

describe("LevelDbCapture", () => {
  const current = `${INDEXED_DB}/MANIFEST-000001`;

  async function changed(change: (files: Files) => void): Promise<void> {
    const files = levelDbProfile();
    change(files);
    await writeFiles(dir, files);
  }

  it("cuts the last log and the manifest after their last whole record", async () => {
    await changed((f) => {
      f[`${INDEXED_DB}/000010.log`] = (f[`${INDEXED_DB}/000010.log`] as Buffer).subarray(0, -3);
      const more = logBytes([editBytes({ log: 11, next: 12, last: 40 })]);
      f[current] = Buffer.concat([f[current] as Buffer, more.subarray(0, -2)]);
    });
    const taken = await capture(dir);
    const found = await contents(taken);
    expect(found[`${INDEXED_DB}/000010.log`]).toBe(logBytes([batchBytes(34, [["key-0041", "y"]])]).toString("latin1"));
    expect(found[current]).toBe(text(levelDbProfile()[current]));
    expect((await verifyCapture(taken)).problems).toEqual([]);
  });

  it("captures the newest state whose tables are all there", async () => {
    const table = tableBytes([{ key: "k", sequence: 33, value: "v" }]);
    await changed((f) => {
      const more = logBytes([editBytes({ log: 10, next: 12, last: 33, added: [[0, 11, table.length]] })]);
      f[current] = Buffer.concat([f[current] as Buffer, more]);
    });
    // Table 11 has been deleted already; the state before it is still whole.
    const taken = await capture(dir);
    expect((await contents(taken))[current]).toBe(text(levelDbProfile()[current]));
    expect((await verifyCapture(taken)).problems).toEqual([]);
  });

  it("leaves out tables, logs and manifests that the state does not need", async () => {
    await changed((f) => {
      f[`${INDEXED_DB}/000004.ldb`] = "an old table";
      f[`${INDEXED_DB}/000002.log`] = "an old log";
      f[`${INDEXED_DB}/MANIFEST-000099`] = "another manifest";
      f[`${INDEXED_DB}/000012.dbtmp`] = "scratch";
    });
    const names = (await capture(dir)).files.map(({ path }) => path).filter((path) => path.startsWith(INDEXED_DB));
    expect(names.map((path) => basename(path))).toEqual([
      ...["000005.ldb", "000008.ldb", "000009.log", "000010.log", "CURRENT", "MANIFEST-000001"],
    ]);
  });

  it.each<[string, (files: Files) => unknown, RegExp]>([
    ["a table is missing", (f) => delete f[`${INDEXED_DB}/000008.ldb`], /table 000008 is missing/],
    ["a log is missing", (f) => delete f[`${INDEXED_DB}/000009.log`], /log 000009 is missing/],
    ["CURRENT is missing", (f) => delete f[`${LOCAL_STORAGE}/CURRENT`], /Local Storage.*CURRENT: it is missing/],
    ["CURRENT is empty", (f) => Object.assign(f, { [`${INDEXED_DB}/CURRENT`]: "" }), /names no manifest/],
    [
      "a table is damaged",
      (f) => (f[`${INDEXED_DB}/000005.ldb`] as Buffer).fill(9, 30, 32),
      /000005.ldb: wrong checksum/,
    ],
    [
      "a log is damaged",
      (f) => (f[`${INDEXED_DB}/000009.log`] as Buffer).fill(9, 30, 32),
      /000009.log: wrong checksum/,
    ],
    ["the manifest is damaged", (f) => (f[current] as Buffer).fill(9, 30, 32), /MANIFEST-000001: wrong checksum/],
    [
      "Chromium has marked it",
      (f) => Object.assign(f, { [`${INDEXED_DB}/corruption_info.json`]: "{}" }),
      /marked it as corrupt/,
    ],
  ])("rejects as damaged when %s", async (_name, change, reason) => {
    await changed(change);
    await expect(capture(dir, { live: false })).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(reason),
    });
  });

  it("makes more attempts in a live profile than in one at rest before it reports damage", async () => {
    await changed((f) => delete f[`${INDEXED_DB}/000008.ldb`]);
    let attempts = 0;
    onOpen(join(dir, `${INDEXED_DB}/CURRENT`), () => attempts++);
    await expect(capture(dir, { live: false })).rejects.toMatchObject({ code: "CORRUPT" });
    const atRest = attempts;
    attempts = 0;
    await expect(capture(dir)).rejects.toMatchObject({ code: "CORRUPT" });
    expect(attempts).toBeGreaterThan(2 * atRest);
  });

  it("follows no symlinks", async () => {
    await writeFiles(dir, levelDbProfile());
    await writeFile(join(root, "secret"), "not of this profile");
    await rm(join(dir, `${INDEXED_DB}/000008.ldb`));
    await symlink(join(root, "secret"), join(dir, `${INDEXED_DB}/000008.ldb`));
    await symlink(join(root, "secret"), join(dir, `${BLOBS}/1/00/3`));
    await expect(capture(dir, { live: false })).rejects.toMatchObject({ code: "CORRUPT" });
    await rm(join(dir, `${INDEXED_DB}/000008.ldb`));
    await writeFiles(dir, { [`${INDEXED_DB}/000008.ldb`]: levelDbProfile()[`${INDEXED_DB}/000008.ldb`] as Buffer });
    expect((await capture(dir)).files.some(({ path }) => path.endsWith("/3"))).toBe(false);
  });
});
