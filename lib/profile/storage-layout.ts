import type { Dirent } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { VaultError } from "../errors.ts";
import type { ProfileFacts, StorageBackend } from "../store.ts";
import { parseLevelDbName } from "./leveldb/manifest.ts";
import { entriesOf, lstatOf } from "./listing.ts";
import { WAL_HEADER_BYTES } from "./sqlite/wal.ts";

/** Chromium's name for `https://web.whatsapp.com` in its storage directories. */
const ORIGIN = "https_web.whatsapp.com_0";
const INDEXED_DB = "Default/IndexedDB";
const LOCAL_STORAGE_DIR = "Default/Local Storage";
const LOCAL_STORAGE_FILE = "LocalStorage";
/** A SQLite database of the site: base32 of the SHA-256 of its name; `0` for the one without a name. */
const SQLITE_NAME = /^(?:[A-Z2-7]{52}|0)$/;
const SQLITE_SIDE = /-(?:wal|shm|journal)$/;

/** One storage of the site: where it lies and in which form. Paths are relative to the profile, with `/`. */
export interface StorageLayout {
  readonly backend: StorageBackend;
  /** The LevelDB directory, or the directory that the SQLite databases lie in. */
  readonly path: string;
  /** Names of the SQLite databases in `path`, without their logs; none for LevelDB. */
  readonly databases: readonly string[];
  /** Directories of blob files; each counts with everything below it. */
  readonly blobs: readonly string[];
}

/** The storages of the site that a profile holds. */
export interface ProfileLayout {
  readonly storages: readonly StorageLayout[];
  readonly facts: ProfileFacts;
}

/** The file with the version of the browser that opened the profile last. */
export const VERSION_FILE = "Last Version";

/**
 * Finds the storages of `https://web.whatsapp.com` in a profile: the IndexedDB of the site's own origin, and the Local
 * Storage of the profile. An absent or empty directory holds none.
 * @throws `CORRUPT` when a storage exists in both forms or in an unknown form, when Chromium has marked it as corrupt, or
 *   when `Default` is no directory; `UNAVAILABLE` or `DENIED` when the directory cannot be read
 */
export async function probeProfile(dir: string): Promise<ProfileLayout> {
  // Below a file every path fails as if the disk refused.
  await mustHoldEntries(dir, "Default");
  const indexedDb = await probeIndexedDb(dir);
  const localStorage = await probeLocalStorage(dir);
  const version = await browserVersion(dir);
  return {
    storages: [indexedDb, localStorage].filter((storage) => storage !== undefined),
    facts: {
      ...(version === undefined ? {} : { browserVersion: version }),
      ...(indexedDb ? { indexedDb: indexedDb.backend } : {}),
      ...(localStorage ? { localStorage: localStorage.backend } : {}),
    },
  };
}

async function probeIndexedDb(dir: string): Promise<StorageLayout | undefined> {
  const found: StorageLayout[] = [];
  for (const entry of await list(dir, INDEXED_DB)) {
    const { name } = entry;
    if (!name.startsWith(ORIGIN) || isStaging(name)) continue;
    const path = `${INDEXED_DB}/${name}`;
    if (name === `${ORIGIN}.indexeddb.blob`) mustBeDirectory(entry, path);
    else if (name === `${ORIGIN}.indexeddb.leveldb`) {
      mustBeDirectory(entry, path);
      if (await isLevelDb(dir, path)) {
        found.push({ backend: "leveldb", path, databases: [], blobs: [`${INDEXED_DB}/${ORIGIN}.indexeddb.blob`] });
      }
    } else if (name === ORIGIN) {
      mustBeDirectory(entry, path);
      const layout = await probeSqliteDirectory(dir, path);
      if (layout) found.push(layout);
    } else throw unknownForm(path);
  }
  return onlyOne(found, "IndexedDB");
}

async function probeSqliteDirectory(dir: string, path: string): Promise<StorageLayout | undefined> {
  const names = new Set<string>();
  const blobs: string[] = [];
  for (const entry of await list(dir, path)) {
    const { name } = entry;
    if (isStaging(name) || isScratch(name)) continue;
    const base = name.replace(SQLITE_SIDE, "");
    if (entry.isFile() && SQLITE_NAME.test(base)) names.add(base);
    // The blobs of a storage that Chromium has moved from LevelDB stay files, in a directory named after their
    // database.
    else if (entry.isDirectory() && name.endsWith("_") && SQLITE_NAME.test(name.slice(0, -1)))
      blobs.push(`${path}/${name}`);
    else throw unknownForm(`${path}/${name}`);
  }
  const databases: string[] = [];
  for (const name of [...names].sort()) if (await isSqlite(dir, `${path}/${name}`)) databases.push(name);
  if (databases.length === 0) return undefined;
  return { backend: "sqlite", path, databases, blobs: blobs.sort() };
}

async function probeLocalStorage(dir: string): Promise<StorageLayout | undefined> {
  const found: StorageLayout[] = [];
  for (const entry of await list(dir, LOCAL_STORAGE_DIR)) {
    const path = `${LOCAL_STORAGE_DIR}/${entry.name}`;
    // Chromium has not read files in this directory since 2017.
    if (entry.isFile() || isStaging(entry.name)) continue;
    if (entry.name !== "leveldb") throw unknownForm(path);
    mustBeDirectory(entry, path);
    if (await isLevelDb(dir, path)) {
      found.push({ backend: "leveldb", path, databases: [], blobs: [] });
    }
  }
  for (const entry of await list(dir, "Default")) {
    if (!entry.name.startsWith(LOCAL_STORAGE_FILE) || isStaging(entry.name)) continue;
    const base = entry.name.replace(SQLITE_SIDE, "");
    if (!entry.isFile() || base !== LOCAL_STORAGE_FILE) throw unknownForm(`Default/${entry.name}`);
  }
  if (await isSqlite(dir, `Default/${LOCAL_STORAGE_FILE}`)) {
    found.push({ backend: "sqlite", path: "Default", databases: [LOCAL_STORAGE_FILE], blobs: [] });
  }
  return onlyOne(found, "Local Storage");
}

/**
 * Whether a directory holds a LevelDB, or some of its files.
 * @throws `CORRUPT` when Chromium has marked it as corrupt
 */
async function isLevelDb(dir: string, path: string): Promise<boolean> {
  const entries = await list(dir, path);
  if (entries.some((entry) => entry.name === "corruption_info.json")) {
    throw new VaultError("CORRUPT", `The storage ${path} is broken: Chromium has marked it as corrupt.`, {
      hint: "Restore the newest good generation; this profile will be emptied by Chromium.",
    });
  }
  return entries.some((entry) => parseLevelDbName(entry.name) !== undefined);
}

/**
 * Whether there is a SQLite database, or the log of a lost one. An empty file is a database that nothing was written to
 * yet.
 */
async function isSqlite(dir: string, path: string): Promise<boolean> {
  return (await sizeOf(dir, path)) > 0 || (await sizeOf(dir, `${path}-wal`)) > WAL_HEADER_BYTES;
}

async function browserVersion(dir: string): Promise<string | undefined> {
  try {
    if (!(await lstat(join(dir, VERSION_FILE))).isFile()) return undefined;
    const text = (await readFile(join(dir, VERSION_FILE), "latin1")).trim();
    return /^\d+(?:\.\d+){1,3}$/.test(text) ? text : undefined;
  } catch {
    // Without the file, or without the right to read it, the version is unknown, which must not keep a session from
    // being saved.
    return undefined;
  }
}

/** The entries of a directory; none when it does not exist. */
async function list(dir: string, path: string): Promise<Dirent[]> {
  return (await mustHoldEntries(dir, path)) ? await entriesOf(join(dir, path)) : [];
}

/** @returns `false` when nothing is there. @throws `CORRUPT` when no directory is there */
async function mustHoldEntries(dir: string, path: string): Promise<boolean> {
  const found = await lstatOf(dir, path);
  if (found?.isSymbolicLink()) throw new VaultError("CORRUPT", `Could not read ${path}: it is a symbolic link.`);
  if (found && !found.isDirectory()) throw unknownForm(path);
  return found !== undefined;
}

async function sizeOf(dir: string, path: string): Promise<number> {
  return Number((await lstatOf(dir, path))?.size ?? 0);
}

/** Whether Chromium has created the entry while it moves a storage to another form. */
function isStaging(name: string): boolean {
  return name.includes("Migrating");
}

function isScratch(name: string): boolean {
  return name.startsWith(".") || name === "LOCK" || name.startsWith("LOG") || /\.(?:tmp|dbtmp)$/i.test(name);
}

function mustBeDirectory(entry: Dirent, path: string): void {
  if (!entry.isDirectory()) throw unknownForm(path);
}

function unknownForm(path: string): VaultError {
  return new VaultError("CORRUPT", `The profile holds ${path}, a form of storage that is not known.`, {
    hint: "This browser is newer than this library knows: update the library, or keep the browser you had.",
  });
}

function onlyOne(found: readonly StorageLayout[], what: string): StorageLayout | undefined {
  if (found.length <= 1) return found[0];
  const forms = found.map(({ backend }) => backend).join(" and ");
  throw new VaultError("CORRUPT", `The profile holds ${what} in two forms (${forms}).`, {
    hint: "Chromium opens one of them and deletes the other.",
  });
}
