import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { captureProfile } from "../../lib/profile/capture/capture.ts";
import { probeProfile } from "../../lib/profile/storage-layout.ts";
import { verifyProfile } from "../../lib/profile/verify.ts";
import { useFolder } from "../support/folder.ts";
import {
  BLOBS,
  INDEXED_DB,
  LOCAL_STORAGE,
  levelDbProfile,
  SIGNAL_STORAGE_DB,
  SQLITE_DB,
  sqliteProfile,
  writeFiles,
} from "./support/small-profile.ts";

const newFolder = useFolder();
let dir: string;

beforeEach(() => {
  dir = newFolder();
});

describe("the facts of probeProfile", () => {
  it("yields no facts for an absent, an empty and an unrelated directory", async () => {
    expect((await probeProfile(join(dir, "absent"))).facts).toEqual({});
    expect((await probeProfile(dir)).facts).toEqual({});
    await writeFiles(dir, {
      "Default/Preferences": "{}",
      "Default/IndexedDB/https_example.org_0.indexeddb.leveldb/CURRENT": "",
    });
    expect((await probeProfile(dir)).facts).toEqual({});
  });

  it("yields the version of the browser and the form of each storage", async () => {
    await writeFiles(dir, levelDbProfile());
    expect((await probeProfile(dir)).facts).toEqual({
      browserVersion: "156.0.8078.79",
      indexedDb: "leveldb",
      localStorage: "leveldb",
    });
    await rm(dir, { recursive: true });
    await writeFiles(dir, sqliteProfile());
    expect((await probeProfile(dir)).facts).toEqual({
      browserVersion: "156.0.8078.79",
      indexedDb: "sqlite",
      localStorage: "sqlite",
    });
  });

  it("yields two forms when the storages have different ones", async () => {
    await writeFiles(dir, levelDbProfile());
    await rm(join(dir, LOCAL_STORAGE), { recursive: true });
    await writeFiles(dir, { "Default/LocalStorage": sqliteProfile()["Default/LocalStorage"] as Buffer });
    expect((await probeProfile(dir)).facts).toMatchObject({ indexedDb: "leveldb", localStorage: "sqlite" });
  });

  it("leaves out a version that is malformed", async () => {
    await writeFiles(dir, { ...levelDbProfile(), "Last Version": "not a version" });
    expect((await probeProfile(dir)).facts).not.toHaveProperty("browserVersion");
  });
});

describe("probeProfile", () => {
  it("lists the databases and blob directories of each storage", async () => {
    await writeFiles(dir, sqliteProfile());
    const { storages } = await probeProfile(dir);
    const name = SQLITE_DB.slice(SQLITE_DB.lastIndexOf("/") + 1);
    expect(storages).toEqual([
      {
        backend: "sqlite",
        path: "Default/IndexedDB/https_web.whatsapp.com_0",
        databases: [name],
        blobs: [`${SQLITE_DB}_`],
      },
      { backend: "sqlite", path: "Default", databases: ["LocalStorage"], blobs: [] },
    ]);
    await rm(dir, { recursive: true });
    await writeFiles(dir, levelDbProfile());
    expect((await probeProfile(dir)).storages).toEqual([
      { backend: "leveldb", path: INDEXED_DB, databases: [], blobs: [BLOBS] },
      { backend: "leveldb", path: LOCAL_STORAGE, databases: [], blobs: [] },
    ]);
  });

  it("ignores storages that Chromium is moving, scratch files, and directories without a database", async () => {
    await writeFiles(dir, levelDbProfile());
    await mkdir(join(dir, "Default/IndexedDB/https_web.whatsapp.com_0"));
    await writeFiles(dir, {
      "Default/LocalStorageMigrating": "half",
      "Default/LocalStorageMigrating-wal": "half",
      "Default/IndexedDB/https_web.whatsapp.com_0Migrating/x": "half",
      "Default/IndexedDB/https_web.whatsapp.com_0/.scratch": "",
      "Default/LocalStorage": "",
      "Default/Local Storage/https_web.whatsapp.com_0.localstorage": "from before 2017",
    });
    expect((await probeProfile(dir)).facts).toMatchObject({ indexedDb: "leveldb", localStorage: "leveldb" });
  });

  it("ignores an empty SQLite database without commits, and reports a log whose database is lost", async () => {
    const wal = sqliteProfile()[`${SQLITE_DB}-wal`] as Buffer;
    const other = SIGNAL_STORAGE_DB;
    await writeFiles(dir, { ...sqliteProfile(), [other]: "", [`${other}-wal`]: wal.subarray(0, 32) });
    await writeFiles(dir, { [`${SQLITE_DB}-journal`]: "", "Default/LocalStorage-journal": "" });
    expect((await verifyProfile(dir)).problems).toEqual([]);
    const capture = await captureProfile(dir, { live: true });
    expect(capture.files.map(({ path }) => path)).not.toContain(other);
    await capture.close();
    for (const path of [other, "Default/LocalStorage"]) {
      await writeFiles(dir, { [path]: "", [`${path}-wal`]: wal });
      expect((await verifyProfile(dir)).problems).toEqual([{ path, reason: expect.stringMatching(/it is empty/) }]);
      await expect(captureProfile(dir, { live: false })).rejects.toMatchObject({ code: "CORRUPT" });
      await rm(join(dir, path));
      expect((await verifyProfile(dir)).problems).toEqual([{ path, reason: expect.stringMatching(/it is missing/) }]);
      await rm(join(dir, `${path}-wal`));
    }
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["both forms of IndexedDB", { [SQLITE_DB]: "x" }, /IndexedDB in two forms/],
    ["both forms of Local Storage", { "Default/LocalStorage": "x" }, /Local Storage in two forms/],
    [
      "IndexedDB in a new form",
      { "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.next": "x" },
      /https_web.whatsapp.com_0.indexeddb.next, a form of storage that is not known/,
    ],
    [
      "an unknown file beside the SQLite databases",
      { "Default/IndexedDB/https_web.whatsapp.com_0/journal.next": "x" },
      /not known/,
    ],
    ["Local Storage in a new form", { "Default/Local Storage/next/CURRENT": "x" }, /Local Storage\/next, a form/],
    ["a storage that Chromium has marked", { [`${INDEXED_DB}/corruption_info.json`]: "{}" }, /marked it as corrupt/],
  ])("rejects %s", async (_name, more, reason) => {
    await writeFiles(dir, levelDbProfile());
    await writeFiles(dir, more);
    await expect(probeProfile(dir)).rejects.toMatchObject({ code: "CORRUPT", message: expect.stringMatching(reason) });
  });

  it("follows no symlinks", async () => {
    await writeFiles(dir, levelDbProfile());
    await rename(join(dir, "Default"), join(dir, "Elsewhere"));
    await symlink(join(dir, "Elsewhere"), join(dir, "Default"));
    await expect(probeProfile(dir)).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("rejects a file in the place of a directory", async () => {
    await mkdir(join(dir, "Default/IndexedDB"), { recursive: true });
    await writeFile(join(dir, INDEXED_DB), "x");
    await expect(probeProfile(dir)).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("rejects a file in the place of `Default`", async () => {
    await writeFile(join(dir, "Default"), "x");
    await expect(probeProfile(dir)).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching("Default"),
    });
  });
});
