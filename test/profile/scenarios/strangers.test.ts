import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, rmSync } from "node:fs";
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { repairProfile } from "../../../lib/profile/repair.ts";
import { probeProfile } from "../../../lib/profile/storage-layout.ts";
import { verifyProfile } from "../../../lib/profile/verify.ts";
import type { ProfileFacts } from "../../../lib/store.ts";
import { useFolder } from "../../support/folder.ts";
import {
  BLOBS,
  INDEXED_DB,
  LOCAL_STORAGE,
  levelDbProfile,
  SQLITE_DB,
  sqliteProfile,
  writeFiles,
} from "../support/small-profile.ts";

// Files, folders and other things that lie beside the storage, or in it, and are no part of it.

const newFolder = useFolder();
let dir: string;

beforeEach(() => {
  dir = newFolder();
});

type Make = (path: string) => Promise<void> | void;
const folder: Make = async (path) => void (await mkdir(path));
const file: Make = (path) => writeFile(path, "x");
const fullFolder: Make = async (path) => {
  await mkdir(path);
  await writeFile(join(path, "CURRENT"), "MANIFEST-000001\n");
};
const pipe: Make = (path) => void execFileSync("mkfifo", [path]);
const danglingLink: Make = (path) => symlink("/nowhere/at/all", path);
const socket: Make = async (path) => {
  const server = createServer().listen(path);
  await once(server, "listening");
  server.unref();
};

const IN_INDEXED_DB = "Default/IndexedDB";
const LEVELDB_ROWS: [path: string, make: Make][] = [
  ["Default/Local Storage/leveldb.bak", folder],
  ["Default/Local Storage/@eaDir", folder],
  ["Default/Local Storage/next", folder],
  [`${IN_INDEXED_DB}/https_web.whatsapp.com_0.indexeddb.leveldb.bak`, folder],
  [`${IN_INDEXED_DB}/https_web.whatsapp.com_0.indexeddb.leveldb copy`, fullFolder],
  [`${IN_INDEXED_DB}/https_web.whatsapp.com_0.indexeddb.blob.old`, fullFolder],
  ["Default/LocalStorage.bak", file],
  ["Default/LocalStorage (1)", file],
  ["Default/Local Storage/leveldb (1)", fullFolder],
  ["Default/Local Storage/leveldb~", fullFolder],
  ["Default/Local Storage/.DS_Store", file],
  ["Default/Local Storage/Thumbs.db", file],
  ["Default/Local Storage/lost+found", fullFolder],
  ["Default/Local Storage/#recycle", fullFolder],
  ["Default/Local Storage/.stfolder", fullFolder],
  ["Default/Local Storage/next", pipe],
  ["Default/Local Storage/sock", socket],
  ["Default/Local Storage/next", danglingLink],
  [`${IN_INDEXED_DB}/https_web.whatsapp.com_0.indexeddb.next`, pipe],
  [`${IN_INDEXED_DB}/https_web.whatsapp.com_0.indexeddb.next`, danglingLink],
  [`${LOCAL_STORAGE}/000003.log.bak`, file],
  [`${LOCAL_STORAGE}/CURRENT.bak`, file],
  [`${LOCAL_STORAGE}/LOCK (1)`, file],
  ["Default/Local Storage/leveldb_v2", folder],
  ["Default/LocalStorage_v2", folder],
  ["Default/Local Storage.bak", fullFolder],
  [`${IN_INDEXED_DB}/https_web.whatsapp.com_0_default`, folder],
  ["Default/Local Storage/leveldb.2026-11-28", fullFolder],
  ["Default/Local Storage/leveldb - Copy (2)", fullFolder],
  ["Default/Local Storage/Copy of leveldb", fullFolder],
  [`${LOCAL_STORAGE}/000003.sync-conflict-20261129-101010-ABCDEFG.log`, file],
  [`${LOCAL_STORAGE}/@eaDir`, fullFolder],
  [`${INDEXED_DB}/pipe`, pipe],
];
const SQLITE_ROWS: [path: string, make: Make][] = [
  [`${dirname(SQLITE_DB)}/.DS_Store`, file],
  [`${dirname(SQLITE_DB)}/desktop.ini`, file],
  [`${dirname(SQLITE_DB)}/@eaDir`, fullFolder],
  [`${SQLITE_DB}.bak`, file],
  [`${SQLITE_DB}-wal.bak`, file],
  [`${dirname(SQLITE_DB)}/pipe`, pipe],
  [`${SQLITE_DB}.2`, folder],
  ["Default/LocalStorage.bak", file],
  ["Default/LocalStorage-wal.old", file],
];

describe.each([
  ["LevelDB", levelDbProfile, LEVELDB_ROWS],
  ["SQLite", sqliteProfile, SQLITE_ROWS],
] as const)("in a profile in %s", (_name, profile, rows) => {
  it.each(rows)("%s is named, and left out of captures (%#)", async (path, make) => {
    await writeFiles(dir, profile());
    const before = await captured();
    await make(join(dir, path));
    expect((await probeProfile(dir)).strangers).toEqual([path]);
    const told: string[] = [];
    expect(await captured((paths) => told.push(...paths))).toEqual(before);
    expect(told).toEqual([path]);
    await repairProfile(dir);
    expect(await verifyProfile(dir)).toMatchObject({ problems: [], empty: false, strangers: [path] });
  });
});

describe("what Chromium could have made beside a known storage is a form that is not known", () => {
  it.each([
    ["Default/Local Storage/leveldb_v2/CURRENT"],
    ["Default/Local Storage/sqlite_v1/db"],
    ["Default/Local Storage/local_storage/db"],
    ["Default/Local Storage/SQLite/db"],
    ["Default/Local Storage/sqlite3.v2/db"],
    ["Default/Local Storage/leveldb.1/CURRENT"],
    ["Default/Local Storage/leveldb 2/CURRENT"],
    ["Default/Local Storage/a/b/c/db"],
    ["Default/Local Storage/LocalStorage.db"],
    ["Default/LocalStorage_v2"],
    ["Default/LocalStorage 2/db"],
    ["Default/Local Storage.sqlite"],
    [`${IN_INDEXED_DB}/https_web.whatsapp.com_0_default/db`],
    [`${IN_INDEXED_DB}/https_web.whatsapp.com_0@1/db`],
    [`${IN_INDEXED_DB}/https_web.whatsapp.com_0.indexeddb_v2.leveldb/CURRENT`],
    [`${IN_INDEXED_DB}/https_web.whatsapp.com_0 v2/db`],
  ])("%s", async (path) => {
    await writeFiles(dir, levelDbProfile());
    const { facts } = await probeProfile(dir);
    await writeFiles(dir, { [path]: "x" });
    await mustBeUnknown(path, facts);
    // Also where the known storage is gone.
    rmSync(join(dir, LOCAL_STORAGE), { recursive: true });
    await mustBeUnknown(path);
  });

  it.each([[`${SQLITE_DB}.2`], [`${dirname(SQLITE_DB)}/1.db`], ["Default/LocalStorage_v2"]])(
    "%s in SQLite",
    async (path) => {
      await writeFiles(dir, sqliteProfile());
      await writeFiles(dir, { [path]: "x" });
      await mustBeUnknown(path);
    },
  );

  it("in the place of a LevelDB", async () => {
    await writeFiles(dir, levelDbProfile());
    rmSync(join(dir, LOCAL_STORAGE), { recursive: true });
    await writeFiles(dir, { [`${LOCAL_STORAGE}/db.sqlite`]: "x" });
    await mustBeUnknown(`${LOCAL_STORAGE}/db.sqlite`);
  });

  /** `path` or a folder above it is named, with what to do. */
  async function mustBeUnknown(path: string, expected: ProfileFacts = {}): Promise<void> {
    const error = await captureProfile(dir, { live: false, expected }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "CORRUPT" });
    const [, named = "?"] = /The profile holds (.*), a form of storage that is not known\.$/.exec(`${error}`) ?? [];
    expect(path.startsWith(named), named).toBe(true);
    expect(error).toMatchObject({
      hint: expect.stringContaining(`If ${named} is a copy that somebody has made, move it out of the profile.`),
    });
    expect(await verifyProfile(dir)).toMatchObject({ problems: [expect.anything()], empty: false });
  }
});

it.each([
  [`${LOCAL_STORAGE}/.nfs00000000025a0001`, file],
  [`${LOCAL_STORAGE}/.fuse_hidden0000000100000001`, file],
  [`${LOCAL_STORAGE}/.smbdeleteAAA7c1e2`, file],
  ["Default/Local Storage/.nfs00000000025a0001", file],
  [`${LOCAL_STORAGE}/lost`, fullFolder],
])("%s is left out, and never named", async (path, make) => {
  await writeFiles(dir, levelDbProfile());
  const before = await captured();
  await make(join(dir, path));
  const told: string[] = [];
  expect(await captured((paths) => told.push(...paths))).toEqual(before);
  expect(told).toEqual([]);
});

it.each([
  [`${BLOBS}/.DS_Store`],
  [`${BLOBS}/1/@eaDir/x`],
  [`${BLOBS}/1/00/2.bak`],
  [`${BLOBS}/1/00/2.sync-conflict-20261129-101010-ABCDEFG`],
])("among the blobs %s is left out", async (path) => {
  await writeFiles(dir, levelDbProfile());
  const before = await captured();
  expect(before).toContain(`${BLOBS}/1/00/2`);
  await writeFiles(dir, { [path]: "x" });
  expect(await captured()).toEqual(before);
});

it.each([
  [`${LOCAL_STORAGE}/000099.ldb`, fullFolder],
  [`${LOCAL_STORAGE}/000099.log`, fullFolder],
  [`${LOCAL_STORAGE}/000099.log`, pipe],
])("%s that is no file is no part of the database (%#)", async (path, make) => {
  await writeFiles(dir, levelDbProfile());
  const before = await captured();
  await make(join(dir, path));
  expect(await captured()).toEqual(before);
  expect((await verifyProfile(dir)).problems).toEqual([]);
});

describe.runIf(process.getuid?.() === 0)("without the right to read", () => {
  it.each([
    [`${LOCAL_STORAGE}/.secret`, true],
    ["Default/Local Storage/@eaDir", true],
    [`${BLOBS}/1/@eaDir`, true],
    [`${BLOBS}/1/01`, false],
    [LOCAL_STORAGE, false],
  ])("%s: the capture succeeds %s", async (path, succeeds) => {
    await writeFiles(dir, levelDbProfile());
    await mkdir(join(dir, path), { recursive: true });
    execFileSync("chown", ["-R", "65534", dir]);
    chownSync(join(dir, path), 0, 0);
    chmodSync(join(dir, path), 0o700);
    // The scratch folder around it is the user's alone.
    chmodSync(dirname(dir), 0o711);
    process.seteuid?.(65534);
    try {
      if (succeeds) expect(await captured()).toContain(`${LOCAL_STORAGE}/CURRENT`);
      else await expect(captureProfile(dir, { live: false })).rejects.toMatchObject({ code: "DENIED" });
    } finally {
      process.seteuid?.(0);
    }
  });
});

describe("a stranger never takes the place of the storage", () => {
  it.each([
    [LOCAL_STORAGE, "Default/Local Storage/leveldb.bak", "Local Storage"],
    [LOCAL_STORAGE, "Default/Local Storage/Leveldb (1)", "Local Storage"],
    [INDEXED_DB, `${INDEXED_DB}.bak`, "IndexedDB"],
    [INDEXED_DB, `${IN_INDEXED_DB}/Copy of https_web.whatsapp.com_0.indexeddb.leveldb`, "IndexedDB"],
  ])("%s was renamed to %s", async (storage, copy, what) => {
    await writeFiles(dir, levelDbProfile());
    await rename(join(dir, storage), join(dir, copy));
    await expect(probeProfile(dir)).rejects.toMatchObject({
      code: "CORRUPT",
      message: `The profile holds no ${what}, and ${copy}, which may be a copy of it.`,
      hint: expect.stringMatching(/Give the copy its name back/),
    });
    const report = await verifyProfile(dir);
    expect(report).toMatchObject({ empty: false, hint: expect.stringMatching(/Give the copy its name back/) });
    await expect(captureProfile(dir, { live: false })).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("a file in SQLite was renamed", async () => {
    await writeFiles(dir, sqliteProfile());
    await rename(join(dir, "Default/LocalStorage"), join(dir, "Default/LocalStorage.bak"));
    await expect(probeProfile(dir)).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("a storage of which only strangers are left is missing", async () => {
    await writeFiles(dir, levelDbProfile());
    const { facts } = await probeProfile(dir);
    rmSync(join(dir, LOCAL_STORAGE), { recursive: true });
    await writeFiles(dir, { [`${LOCAL_STORAGE}/.DS_Store`]: "x", "Default/Local Storage/@eaDir/x": "x" });
    await expect(captureProfile(dir, { live: false, expected: facts })).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(/it has no Local Storage any more/),
    });
  });

  it("a browser that was killed in its first moments has left nothing, also with a stranger beside it", async () => {
    await writeFiles(dir, { [`${LOCAL_STORAGE}/MANIFEST-000001`]: "", [`${LOCAL_STORAGE}/.DS_Store`]: "x" });
    expect(await verifyProfile(dir)).toMatchObject({ problems: [], empty: true });
    await writeFiles(dir, { [`${LOCAL_STORAGE}/CURRENT.bak`]: "MANIFEST-000001\n" });
    expect((await verifyProfile(dir)).problems).not.toEqual([]);
  });
});

it.each([["Default"], ["Default/IndexedDB"], ["Default/Local Storage"], [LOCAL_STORAGE]])(
  "%s that is a symbolic link is refused with what to do",
  async (path) => {
    await writeFiles(dir, levelDbProfile());
    await rename(join(dir, path), join(dir, "elsewhere"));
    await symlink(join(dir, "elsewhere"), join(dir, path));
    const refused = {
      message: expect.stringMatching(`${path}: it is a symbolic link`),
      hint: expect.stringMatching(
        /Put the folder itself in the place of the link, or keep the whole profile elsewhere/,
      ),
    };
    await expect(probeProfile(dir)).rejects.toMatchObject({ code: "CORRUPT", ...refused });
    await expect(captureProfile(dir, { live: false })).rejects.toMatchObject({ code: "CORRUPT", ...refused });
    expect(await verifyProfile(dir)).toMatchObject({ hint: refused.hint });
  },
);

it("a link to the whole profile is followed", async () => {
  await writeFiles(dir, levelDbProfile(), "real");
  await symlink(join(dir, "real"), join(dir, "link"));
  dir = join(dir, "link");
  expect((await verifyProfile(dir)).problems).toEqual([]);
  expect(await captured()).toContain(`${LOCAL_STORAGE}/CURRENT`);
});

it.each([
  ["Default/LocalStorage", pipe, levelDbProfile],
  [SQLITE_DB, pipe, sqliteProfile],
  [SQLITE_DB, fullFolder, sqliteProfile],
  [`${LOCAL_STORAGE}/CURRENT`, pipe, levelDbProfile],
  [`${LOCAL_STORAGE}/CURRENT`, fullFolder, levelDbProfile],
])("%s is no file: that is damage, and blocks nothing (%#)", async (path, make, profile) => {
  await writeFiles(dir, profile());
  rmSync(join(dir, path), { force: true });
  await make(join(dir, path));
  expect((await verifyProfile(dir)).problems).not.toEqual([]);
  await expect(captureProfile(dir, { live: false })).rejects.toMatchObject({ code: "CORRUPT" });
});

/** The paths of a capture. */
async function captured(onStrangers?: (paths: readonly string[]) => void): Promise<string[]> {
  const capture = await captureProfile(dir, { live: true, onStrangers });
  try {
    for (const { size, read } of capture.files) expect((await read(0, size)).length).toBe(size);
    return capture.files.map(({ path }) => path);
  } finally {
    await capture.close();
  }
}
