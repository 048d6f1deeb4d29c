import { lstat, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { exactIdentity, type FileIdentity, identifyFile } from "../../lib/disk/file-identity.ts";
import { CheckedFiles } from "../../lib/profile/checked-files.ts";
import { type CheckedVersion, versionKey } from "../../lib/profile/leveldb/checked-version.ts";
import { WalScanner } from "../../lib/profile/sqlite/wal.ts";
import { verifyProfile } from "../../lib/profile/verify.ts";
import { useFolder } from "../support/folder.ts";
import { trustFiles } from "./support/clock.ts";
import { INDEXED_DB, levelDbProfile, SQLITE_DB, sqliteProfile, writeFiles } from "./support/small-profile.ts";
import { smallSqlite, walBytes } from "./support/sqlite-bytes.ts";

const TABLE = `${INDEXED_DB}/000005.ldb`;
const identity: FileIdentity = { file: "1:2", size: 3, times: "4:5", trustworthy: true };
const changes: [string, Partial<FileIdentity>][] = [
  ["inode", { file: "1:9" }],
  ["size", { size: 9 }],
  ["time", { times: "4:9" }],
];

let checked: CheckedFiles;
beforeEach(() => {
  checked = new CheckedFiles();
});

describe("a LevelDB table", () => {
  it("is checked after it was added, also when it was written just now", () => {
    expect(checked.hasTable("a", identity)).toBe(false);
    checked.addTable("a", { ...identity, trustworthy: false });
    expect(checked.hasTable("a", { ...identity, trustworthy: false })).toBe(true);
    expect(checked.hasTable("a", identity)).toBe(true);
    expect(checked.hasTable("b", identity)).toBe(false);
  });

  it.each(changes)("is not checked with another %s", (_, change) => {
    checked.addTable("a", identity);
    expect(checked.hasTable("a", { ...identity, ...change })).toBe(false);
  });

  it("has a first key where that is known, and as long as the table is the same", () => {
    const key = Buffer.from("key");
    checked.addTable("a", identity, key);
    checked.addTable("a", identity);
    checked.addTable("b", identity);
    expect(checked.firstKeyOf("a", exactIdentity(identity))).toBe(key);
    for (const [, change] of changes) {
      expect(checked.firstKeyOf("a", exactIdentity({ ...identity, ...change }))).toBeUndefined();
    }
    expect(checked.firstKeyOf("a", undefined)).toBeUndefined();
    expect(checked.firstKeyOf("b", exactIdentity(identity))).toBeUndefined();
    expect(checked.firstKeyOf("b", undefined)).toBeUndefined();
    checked.retain(new Set());
    expect(checked.firstKeyOf("a", exactIdentity(identity))).toBeUndefined();
  });
});

it("retain forgets every other file", () => {
  checked.addTable("a", identity);
  checked.addTable("b", identity);
  checked.retain(new Set(["b", "c"]));
  expect([checked.hasTable("a", identity), checked.hasTable("b", identity)]).toEqual([false, true]);
});

describe("what was found in files", () => {
  const version: CheckedVersion = {
    version: { end: 1, tables: new Map(), logNumber: 2, lastSequence: 3 },
    end: 4,
  };
  const files = { manifest: { number: 1, identity }, logs: [{ number: 3, identity }], tables: [[5, 100]] as const };

  it("is known of a LevelDB as long as its manifest, its logs and its tables are the same", () => {
    const key = versionKey(files) as string;
    checked.addVersion("a", key, version);
    expect(checked.versionOf("a", versionKey({ ...files }) as string)).toBe(version);
    expect(checked.versionOf("b", key)).toBeUndefined();
    const other = { ...identity, size: 9 };
    for (const change of [
      { manifest: { number: 2, identity } },
      { manifest: { number: 1, identity: other } },
      { logs: [{ number: 3, identity: other }] },
      { logs: [...files.logs, { number: 4, identity }] },
      { tables: [[5, 101]] as const },
      { tables: [] },
    ]) {
      expect(checked.versionOf("a", versionKey({ ...files, ...change }) as string)).toBeUndefined();
    }
  });

  it("has no key for files that were written just now", () => {
    const fresh = { ...identity, trustworthy: false };
    expect(versionKey({ ...files, manifest: { number: 1, identity: fresh } })).toBeUndefined();
    expect(versionKey({ ...files, logs: [{ number: 3, identity: fresh }] })).toBeUndefined();
    expect(versionKey({ ...files, logs: [{ number: 3, identity: undefined }] })).toBeUndefined();
  });

  it("is known of a write-ahead log as long as it is the same, and is not changed by a scan that goes on", () => {
    const [schema, table] = smallSqlite() as [Buffer, Buffer];
    const frames = [
      { page: 1, commit: 3, data: schema },
      { page: 2, commit: 3, data: table },
    ];
    const [one, both] = [walBytes(frames.slice(0, 1)), walBytes(frames)];
    const scanner = new WalScanner();
    scanner.feed(one);
    checked.addWal("a", identity, scanner);
    scanner.feed(both.subarray(one.length));
    for (let i = 0; i < 2; i++) {
      const known = checked.walOf("a", identity);
      expect(known?.report()).toMatchObject({ end: one.length, reason: "" });
      known?.feed(both.subarray(one.length));
      expect(known?.report()).toEqual(scanner.report());
    }
    for (const [, change] of changes) expect(checked.walOf("a", { ...identity, ...change })).toBeUndefined();
    checked.addWal("b", { ...identity, trustworthy: false }, scanner);
    expect(checked.walOf("b", identity)).toBeUndefined();
  });

  it("is known of tables and of Local Storage as long as they are the same", () => {
    checked.addPlain("a", "1");
    expect([checked.isPlain("a", "1"), checked.isPlain("a", "2"), checked.isPlain("a", undefined)]).toEqual([
      true,
      false,
      false,
    ]);
    checked.retain(new Set(["b"]));
    expect(checked.isPlain("a", "1")).toBe(false);
    checked.addLocalStorage("1", "hash");
    expect(checked.localStorageOf("1")?.credentialsHash).toBe("hash");
    expect(checked.localStorageOf("2")).toBeUndefined();
  });
});

describe("a SQLite database", () => {
  it("is checked after it was added", () => {
    checked.addDatabase("a", identity);
    expect(checked.hasDatabase("a", identity)).toBe(true);
    expect(checked.hasDatabase("b", identity)).toBe(false);
  });

  it.each(changes)("is not checked with another %s", (_, change) => {
    checked.addDatabase("a", identity);
    expect(checked.hasDatabase("a", { ...identity, ...change })).toBe(false);
  });

  it("is not checked when it was written just now", () => {
    checked.addDatabase("a", { ...identity, trustworthy: false });
    expect(checked.hasDatabase("a", { ...identity, trustworthy: false })).toBe(false);
    expect(checked.hasDatabase("a", identity)).toBe(false);
    checked.addDatabase("a", identity);
    expect(checked.hasDatabase("a", { ...identity, trustworthy: false })).toBe(false);
  });
});

const folder = useFolder();

describe("addRestored", () => {
  let dir: string;
  beforeEach(() => {
    dir = folder();
  });
  const identityOf = async (path: string): Promise<FileIdentity> =>
    identifyFile(await lstat(join(dir, path), { bigint: true }));

  it("adds tables, and no table that replaces one of them", async () => {
    await writeFiles(dir, levelDbProfile());
    await checked.addRestored(dir);
    expect(checked.hasTable(TABLE, await identityOf(TABLE))).toBe(true);
    expect(checked.hasTable(`${INDEXED_DB}/CURRENT`, await identityOf(`${INDEXED_DB}/CURRENT`))).toBe(false);
    await writeFile(join(dir, "copy"), levelDbProfile()[TABLE] ?? "");
    await rename(join(dir, "copy"), join(dir, TABLE));
    expect(checked.hasTable(TABLE, await identityOf(TABLE))).toBe(false);
  });

  it("adds databases whose timestamps are trustworthy, and no database that is written later", async () => {
    await writeFiles(dir, sqliteProfile());
    await trustFiles(dir);
    await checked.addRestored(dir);
    expect(checked.hasDatabase(SQLITE_DB, await identityOf(SQLITE_DB))).toBe(true);
    await writeFile(join(dir, SQLITE_DB), sqliteProfile()[SQLITE_DB] ?? "");
    expect(checked.hasDatabase(SQLITE_DB, await identityOf(SQLITE_DB))).toBe(false);
  });

  it("adds no database that was written just now", async () => {
    await writeFiles(dir, sqliteProfile());
    await checked.addRestored(dir);
    const written = await identityOf(SQLITE_DB);
    expect(checked.hasDatabase(SQLITE_DB, { ...written, trustworthy: true })).toBe(false);
  });

  it("adds nothing of a profile that was removed", async () => {
    await writeFiles(dir, levelDbProfile());
    const table = await identityOf(TABLE);
    await rm(dir, { recursive: true });
    await checked.addRestored(dir);
    expect(checked.hasTable(TABLE, table)).toBe(false);
  });
});

describe("verifyProfile", () => {
  it("adds the tables that a manifest names and that are sound, and no others", async () => {
    const dir = folder();
    await writeFiles(dir, { ...levelDbProfile(), [`${INDEXED_DB}/000099.ldb`]: "no manifest names it" });
    await verifyProfile(dir, { checked });
    const identityOf = async (path: string): Promise<FileIdentity> =>
      identifyFile(await lstat(join(dir, path), { bigint: true }));
    expect(checked.hasTable(TABLE, await identityOf(TABLE))).toBe(true);
    const orphan = `${INDEXED_DB}/000099.ldb`;
    expect(checked.hasTable(orphan, await identityOf(orphan))).toBe(false);
    await writeFile(join(dir, TABLE), Buffer.alloc(500));
    checked = new CheckedFiles();
    await verifyProfile(dir, { checked });
    expect(checked.hasTable(TABLE, await identityOf(TABLE))).toBe(false);
  });
});
