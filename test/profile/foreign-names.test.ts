import { describe, expect, it } from "vitest";
import {
  isForeignName,
  mayBeIndexedDb,
  mayBeLocalStorageDirectory,
  mayBeLocalStorageFile,
} from "../../lib/profile/foreign-names.ts";

const ORIGIN = "https_web.whatsapp.com_0";

describe("isForeignName", () => {
  it.each([
    [".DS_Store"],
    ["._leveldb"],
    ["@eaDir"],
    ["#recycle"],
    ["$RECYCLE.BIN"],
    ["~leveldb"],
    ["leveldb~"],
    ["leveldb (1)"],
    ["leveldb - Copy"],
    ["leveldb – Kopie"],
    ["lost+found"],
    [".nfs0000000000000001"],
    [".fuse_hidden0000000100000001"],
    [".stfolder"],
    ["000003.sync-conflict-20261129-101010-ABCDEFG.log"],
    ["Thumbs.db"],
    ["desktop.ini"],
    ["System Volume Information"],
    ["Icon\r"],
    ["leveldb.bak"],
    ["leveldb.bak2"],
    ["leveldb_old"],
    ["leveldb-backup"],
    ["leveldb.orig"],
    ["leveldb.zip"],
    ["leveldb.tar.gz"],
    ["leveldb.1"],
    ["CURRENT.bak"],
    ["000003.log.bak"],
    ["core.1234"],
    ["__MACOSX"],
  ])("%j is somebody else's", (name) => {
    expect(isForeignName(name)).toBe(true);
  });

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
    ["SZSJWAVN6DYSSNAXXGI7HBTGS2WLKVMPWIE75RP2WMNQZHINSBTQ"],
    ["SZSJWAVN6DYSSNAXXGI7HBTGS2WLKVMPWIE75RP2WMNQZHINSBTQ_"],
    ["journal.next"],
  ])("%j may be Chromium's", (name) => {
    expect(isForeignName(name)).toBe(false);
  });
});

describe("what may be a form of a storage", () => {
  it.each([
    [ORIGIN],
    [`${ORIGIN}.indexeddb.leveldb`],
    [`${ORIGIN}.indexeddb.next`],
    [`${ORIGIN}.sqlite`],
    [`${ORIGIN}Upgrading`],
  ])("%s: IndexedDB", (name) => {
    expect(mayBeIndexedDb(name)).toBe(true);
  });

  it.each([
    [`${ORIGIN}.indexeddb.leveldb.bak`],
    [`${ORIGIN}.indexeddb.leveldb copy`],
    [`${ORIGIN}.indexeddb.old`],
    [`${ORIGIN}.indexeddb.leveldb.2026`],
    [`Copy of ${ORIGIN}.indexeddb.leveldb`],
  ])("%s: not IndexedDB", (name) => {
    expect(mayBeIndexedDb(name)).toBe(false);
  });

  it("tells forms of Local Storage from copies of it", () => {
    expect(["next", "sqlite", "leveldb2"].filter(mayBeLocalStorageDirectory)).toHaveLength(3);
    expect(["leveldb_2", "old", "backup", "Leveldb", "@eaDir"].filter(mayBeLocalStorageDirectory)).toEqual([]);
    expect(["LocalStorage2", "LocalStorage-wal2", "LocalStorage.db"].filter(mayBeLocalStorageFile)).toHaveLength(3);
    expect(["LocalStorage.bak", "LocalStorage-old", "LocalStorage (1)"].filter(mayBeLocalStorageFile)).toEqual([]);
  });
});
