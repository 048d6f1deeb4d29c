import { describe, expect, it } from "vitest";
import { isCopyName, isForeignName, isSillyName, isSystemName, kindOfName } from "../../lib/disk/foreign-names.ts";

const ORIGIN = "https_web.whatsapp.com_0";
const DATABASE = "SZSJWAVN6DYSSNAXXGI7HBTGS2WLKVMPWIE75RP2WMNQZHINSBTQ";

it.each([
  [".DS_Store"],
  ["._leveldb"],
  ["@eaDir"],
  ["@Recycle"],
  ["#recycle"],
  ["$RECYCLE.BIN"],
  ["lost+found"],
  ["System Volume Information"],
  ["Thumbs.db"],
  ["desktop.ini"],
  ["Icon\r"],
  ["__MACOSX"],
  [".Trash-1000"],
  [".stfolder"],
])("%j is the system's, and no copy", (name) => {
  expect([isSystemName(name), isForeignName(name), isCopyName(name)]).toEqual([true, true, false]);
});

it.each([
  ["leveldb~"],
  ["leveldb.~1~"],
  ["leveldb (1)"],
  ["leveldb (another copy)"],
  ["leveldb copy"],
  ["leveldb copy 2"],
  ["leveldb - Copy"],
  ["leveldb - Copy (2)"],
  ["leveldb – Kopie"],
  ["Copy of leveldb"],
  ["Copy (2) of leveldb"],
  ["Copia de leveldb"],
  ["leveldb.bak"],
  ["leveldb.bak2"],
  ["leveldb.bak.2"],
  ["leveldb.old"],
  ["leveldb_old"],
  ["leveldb-backup"],
  ["leveldb_backup"],
  ["leveldb.orig"],
  ["leveldb.broken"],
  ["leveldb.zip"],
  ["leveldb.tar.gz"],
  ["leveldb.2026-11-28"],
  ["leveldb-20261128"],
  ["leveldb_2026-11-28_10-15-00"],
  ["leveldb 2026-11-28 at 10.15.00"],
  ["backup"],
  ["backup-2026-11-28"],
  ["2026-11-28"],
  ["leveldb (Peter's conflicted copy 2026-11-28)"],
  ["000003.sync-conflict-20261129-101010-ABCDEFG.log"],
  ["CURRENT.bak"],
  ["000003.log.bak"],
  [`${ORIGIN}.indexeddb.leveldb.bak`],
  [`${ORIGIN}.indexeddb.leveldb copy`],
  [`${ORIGIN}.indexeddb copy.leveldb`],
  [`${ORIGIN}.indexeddb.old`],
  [`${DATABASE}.bak`],
  ["LocalStorage-wal.old"],
  ["LocalStorage.bak-wal"],
])("%j is a copy, an archive or a note", (name) => {
  expect([isCopyName(name), isForeignName(name)]).toEqual([true, true]);
});

it("what a program drops is neither the system's nor a copy", () => {
  for (const name of ["core.1234", "nohup.out"]) {
    expect([isSystemName(name), isForeignName(name), isCopyName(name)]).toEqual([false, true, false]);
  }
});

// Names that Chromium makes, or could make for a form of its storage that is not known.
it.each([
  ["leveldb"],
  ["CURRENT"],
  ["MANIFEST-000001"],
  ["000003.log"],
  ["000005.ldb"],
  ["corruption_info.json"],
  ["1"],
  ["00"],
  ["1f"],
  ["20261128"],
  [DATABASE],
  [`${DATABASE}_`],
  [`${DATABASE}.2`],
  ["journal.next"],
  ["leveldb_v2"],
  ["leveldb.1"],
  ["leveldb2"],
  ["LevelDB"],
  ["leveldb.new"],
  ["leveldb 2"],
  ["leveldb_2026"],
  ["sqlite_v1"],
  ["local_storage"],
  ["SQLite"],
  ["sqlite3.v2"],
  ["Local Storage Data"],
  ["LocalStorage_v2"],
  ["LocalStorage.db"],
  ["LocalStorage-wal2"],
  [`${ORIGIN}_default`],
  [`${ORIGIN}@1`],
  [`${ORIGIN}.indexeddb_v2.leveldb`],
  [`${ORIGIN}.sqlite`],
])("%j may be Chromium's", (name) => {
  expect([isForeignName(name), isCopyName(name), isSystemName(name)]).toEqual([false, false, false]);
});

describe("what file systems keep of deleted files", () => {
  it.each([[".nfs00000000025a0001"], [".fuse_hidden0000000100000001"], [".smbdeleteAAA7c1e2"], [".__afs1A2B"]])(
    "%s",
    (name) => expect(isSillyName(name)).toBe(true),
  );

  it.each([[".nfs"], [".smb"], ["nfs00000000025a0001"], [".DS_Store"]])("%s is none", (name) => {
    expect(isSillyName(name)).toBe(false);
  });
});

it("names of one kind are told by what does not differ", () => {
  const kinds = [
    ["000003.log.bak", "000145.log.bak"],
    ["leveldb (1)", "leveldb (2)"],
    ["leveldb.2026-11-28", "leveldb.2025-01-02"],
    ["000003.sync-conflict-20261129-101010-ABCDEFG.log", "000007.sync-conflict-20270101-000000-QWERTYU.log"],
  ].map((names) => new Set(names.map(kindOfName)));
  expect(kinds.map(({ size }) => size)).toEqual([1, 1, 1, 1]);
  expect(new Set(kinds.flatMap((names) => [...names])).size).toBe(4);
});
