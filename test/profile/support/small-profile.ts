import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { batchBytes, editBytes, logBytes, smallLevelDb } from "./leveldb-bytes.ts";
import { smallSqlite, walBytes } from "./sqlite-bytes.ts";

export const INDEXED_DB = "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb";
export const BLOBS = "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.blob";
/** The file of the database `wawc`. */
export const SQLITE_DB =
  "Default/IndexedDB/https_web.whatsapp.com_0/SZSJWAVN6DYSSNAXXGI7HBTGS2WLKVMPWIE75RP2WMNQZHINSBTQ";
/** The file of the database `signal-storage`. */
export const SIGNAL_STORAGE_DB =
  "Default/IndexedDB/https_web.whatsapp.com_0/K7PKRLEBDQU4YLXTFM33G7BNV2BYEPRTR65JYNAFPHTW7PKPPBEA";
export const LOCAL_STORAGE = "Default/Local Storage/leveldb";

export type Files = Record<string, Buffer | string>;

/** A profile as of a closed browser, both stores in LevelDB. */
export function levelDbProfile(): Files {
  const files: Files = { "Last Version": "156.0.8078.79", "Default/Preferences": "{}" };
  for (const [name, bytes] of smallLevelDb()) {
    files[`${INDEXED_DB}/${name}`] = bytes;
    files[`${LOCAL_STORAGE}/${name}`] = bytes;
  }
  files[`${BLOBS}/1/00/2`] = "a blob";
  return files;
}

/** A profile whose stores are SQLite databases, one with a log. */
export function sqliteProfile(): Files {
  const pages = smallSqlite();
  const table = smallSqlite(["new"])[1] as Buffer;
  return {
    "Last Version": "156.0.8078.79",
    [SQLITE_DB]: Buffer.concat(pages),
    [`${SQLITE_DB}-wal`]: walBytes([{ page: 2, commit: 3, data: table }]),
    [`${SQLITE_DB}_/2`]: "a blob that was moved over",
    "Default/LocalStorage": Buffer.concat(pages),
  };
}

/** A LevelDB of nothing but a log, in which `entries` were written one by one. */
export function youngLevelDb(entries: readonly (readonly [string, string?])[]): Files {
  return {
    CURRENT: "MANIFEST-000001\n",
    "MANIFEST-000001": logBytes([editBytes({ comparator: "c", log: 0, next: 2, last: 0 })]),
    "000003.log": logBytes(entries.map((entry, index) => batchBytes(index + 1, [entry]))),
  };
}

export async function writeFiles(dir: string, files: Files, under = ""): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(dir, under, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}
