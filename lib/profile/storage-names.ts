import { isSillyName } from "../disk/foreign-names.ts";

/** Chromium's name for `https://web.whatsapp.com` in its storage directories. */
export const ORIGIN = "https_web.whatsapp.com_0";
/** The file of a Local Storage in SQLite, and the beginning of every name that belongs to it. */
export const LOCAL_STORAGE_FILE = "LocalStorage";
/** Files of SQLite beside a database. */
export const SQLITE_SIDE: RegExp = /-(?:wal|shm|journal)$/;
/** A SQLite database of the site: base32 of the SHA-256 of its name; `0` for the one without a name. */
export const SQLITE_NAME: RegExp = /^(?:[A-Z2-7]{52}|0)$/;

/** Whether Chromium has created the entry while it moves a storage to another form. */
export function isStaging(name: string): boolean {
  return name.includes("Migrating");
}

/** Whether Chromium or the file system creates such a file beside the storage, and no session needs it. */
export function isScratch(name: string): boolean {
  return (
    name === "LOCK" ||
    /^LOG(?:\.old)?$/.test(name) ||
    /\.(?:tmp|dbtmp)$/i.test(name) ||
    /\.localstorage(?:-journal)?$/.test(name) ||
    /^\.(?:org\.chromium|com\.google)\./.test(name) ||
    isSillyName(name)
  );
}

/** Where LevelDB's repair puts the files that it could not use, in the directory of the database. */
export const LEVELDB_LOST = "lost";

/** All that is there before LevelDB has written `CURRENT`, and after that the first log (`DBImpl::NewDB`, `DB::Open`). */
const BEFORE_CURRENT = ["LOCK", "LOG", "LOG.old", "MANIFEST-000001", "000001.dbtmp"];

/**
 * Whether a file in the directory of a LevelDB tells that something was written: it is, was, or is a copy of, a part of a
 * database. `CURRENT.bak` is no stranger beside a database without `CURRENT`.
 */
export function tellsOfLevelDb(name: string): boolean {
  return !BEFORE_CURRENT.includes(name) && /^(?:CURRENT|MANIFEST-|\d+\.)/i.test(name);
}
