/** Chromium's name for `https://web.whatsapp.com` in its storage directories. */
export const ORIGIN = "https_web.whatsapp.com_0";
/** The file of a Local Storage in SQLite, and the beginning of every name that belongs to it. */
export const LOCAL_STORAGE_FILE = "LocalStorage";
/** Files of SQLite beside a database. */
export const SQLITE_SIDE: RegExp = /-(?:wal|shm|journal)$/;
/** A SQLite database of the site: base32 of the SHA-256 of its name; `0` for the one without a name. */
export const SQLITE_NAME: RegExp = /^(?:[A-Z2-7]{52}|0)$/;

/** Endings that people and their programs give to copies, archives and notes. */
const COPY_WORDS = "bak|backups?|copy|old|orig(?:inal)?";
const OTHER_WORDS =
  "bkp|kopie|copie|copia|saved?|tmp|temp|trash|deleted|removed|disabled|broken|corrupt(?:ed)?|conflict(?:ed)?|sw[op]|" +
  "part(?:ial)?|crdownload|lo?ck|zip|t?gz|tar|7z|rar|bz2|xz|zst|txt|md|md5|sha1|sha256|ini|lnk|url|rej|dump";
const FOREIGN_ENDING = new RegExp(`(?:(?:${COPY_WORDS})\\d*|(?:^|[._-])(?:${OTHER_WORDS})\\d*|\\.\\d+)$`, "i");
/** Names that operating systems and programs give to their own files, where the characters do not tell. */
const FOREIGN_NAME = /^(?:(?:eh)?thumbs\.db|core(?:\.\d+)?|nohup\.out|cachedir\.tag|recycle[rd]|desktop\.ini)$/i;

/**
 * Whether Chromium could not have given a file or directory of its storage this name: it begins with another character
 * than a letter or digit (`.DS_Store`, `@eaDir`, `#recycle`), has a character that Chromium uses in none of them
 * (`leveldb (1)`, `lost+found`, `leveldb~`), or is a copy or a note (`leveldb.bak`, `x.sync-conflict-2026`, `Thumbs.db`).
 */
export function isForeignName(name: string): boolean {
  return (
    !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) ||
    FOREIGN_ENDING.test(name) ||
    FOREIGN_NAME.test(name) ||
    name.includes("sync-conflict-")
  );
}

/** Whether an entry of `Default/IndexedDB` may be a form of the site's IndexedDB, today or in a newer browser. */
export function mayBeIndexedDb(name: string): boolean {
  const rest = name.slice(ORIGIN.length);
  return name.startsWith(ORIGIN) && !isForeignName(name) && /^[A-Za-z0-9]*(?:\.[A-Za-z0-9]+){0,2}$/.test(rest);
}

/** Whether a directory in `Default/Local Storage` may be a form of the storage, today or in a newer browser. */
export function mayBeLocalStorageDirectory(name: string): boolean {
  return /^[a-z][a-z0-9]*$/.test(name) && !isForeignName(name);
}

/** Whether an entry of `Default` may be a form of Local Storage in files, today or in a newer browser. */
export function mayBeLocalStorageFile(name: string): boolean {
  const rest = name.slice(LOCAL_STORAGE_FILE.length);
  const isShaped = /^[A-Za-z0-9]*(?:-[a-z]+\d*|\.[a-z]+\d*)?$/.test(rest);
  return name.startsWith(LOCAL_STORAGE_FILE) && isShaped && !isForeignName(name);
}

/** Whether Chromium has created the entry while it moves a storage to another form. */
export function isStaging(name: string): boolean {
  return name.includes("Migrating");
}

/** Whether Chromium creates such a file beside its storage, and no session needs it. */
export function isScratch(name: string): boolean {
  return (
    name === "LOCK" ||
    /^LOG(?:\.old)?$/.test(name) ||
    /\.(?:tmp|dbtmp)$/i.test(name) ||
    /\.localstorage(?:-journal)?$/.test(name) ||
    /^\.(?:org\.chromium|com\.google)\./.test(name)
  );
}
