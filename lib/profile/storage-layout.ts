import type { Dirent } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { VaultError } from "../errors.ts";
import type { ProfileFacts, StorageBackend } from "../store.ts";
import {
  isForeignName,
  isScratch,
  isStaging,
  LOCAL_STORAGE_FILE,
  mayBeIndexedDb,
  mayBeLocalStorageDirectory,
  mayBeLocalStorageFile,
  ORIGIN,
  SQLITE_NAME,
  SQLITE_SIDE,
} from "./foreign-names.ts";
import { inTwoForms, notAsMade, onlyCopy, unknownForm } from "./layout-errors.ts";
import { parseLevelDbName } from "./leveldb/manifest.ts";
import { entriesOf, lstatOf } from "./listing.ts";
import { WAL_HEADER_BYTES } from "./sqlite/wal.ts";

const INDEXED_DB = "Default/IndexedDB";
const LOCAL_STORAGE_DIR = "Default/Local Storage";

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
  /** Paths beside the storages that are no part of them, and that Chromium has not made. */
  readonly strangers: readonly string[];
}

/** The file with the version of the browser that opened the profile last. */
export const VERSION_FILE = "Last Version";

/**
 * Finds the storages of `https://web.whatsapp.com` in a profile: the IndexedDB of the site's own origin, and the Local
 * Storage of the profile. An absent or empty directory holds none. Names that Chromium cannot have made are no storage.
 * @throws `CORRUPT` when a storage exists in both forms or in an unknown form, when only a copy of it under another name
 *   is there, when Chromium has marked it as corrupt, or when `Default` is no directory; `UNAVAILABLE` or `DENIED` when
 *   the directory cannot be read
 */
export async function probeProfile(dir: string): Promise<ProfileLayout> {
  // Below a file every path fails as if the disk refused.
  await mustHoldEntries(dir, "Default");
  const strangers: string[] = [];
  const indexedDb = await probeIndexedDb(dir, strangers);
  const localStorage = await probeLocalStorage(dir, strangers);
  const version = await browserVersion(dir);
  return {
    storages: [indexedDb, localStorage].filter((storage) => storage !== undefined),
    facts: {
      ...(version === undefined ? {} : { browserVersion: version }),
      ...(indexedDb ? { indexedDb: indexedDb.backend } : {}),
      ...(localStorage ? { localStorage: localStorage.backend } : {}),
    },
    strangers,
  };
}

async function probeIndexedDb(dir: string, strangers: string[]): Promise<StorageLayout | undefined> {
  const found: StorageLayout[] = [];
  const copies: string[] = [];
  for (const entry of await list(dir, INDEXED_DB)) {
    const { name } = entry;
    // The other entries are the storages of other sites.
    if (!name.includes(ORIGIN) || isStaging(name)) continue;
    const path = `${INDEXED_DB}/${name}`;
    if (name === `${ORIGIN}.indexeddb.blob`) mustBeDirectory(entry, path);
    else if (name === `${ORIGIN}.indexeddb.leveldb`) {
      mustBeDirectory(entry, path);
      if (await isLevelDb(dir, path, strangers)) {
        found.push({ backend: "leveldb", path, databases: [], blobs: [`${INDEXED_DB}/${ORIGIN}.indexeddb.blob`] });
      }
    } else if (name === ORIGIN) {
      mustBeDirectory(entry, path);
      const layout = await probeSqliteDirectory(dir, path, strangers);
      if (layout) found.push(layout);
    } else if (mayBeIndexedDb(name) && (await holdsSomething(dir, entry, path))) throw unknownForm(path);
    else copies.push(path);
  }
  strangers.push(...copies);
  return await onlyOne(dir, found, "IndexedDB", copies);
}

async function probeSqliteDirectory(
  dir: string,
  path: string,
  strangers: string[],
): Promise<StorageLayout | undefined> {
  const names = new Set<string>();
  const blobs: string[] = [];
  for (const entry of await list(dir, path)) {
    const { name } = entry;
    if (isStaging(name) || isScratch(name)) continue;
    const base = name.replace(SQLITE_SIDE, "");
    const isDatabase = SQLITE_NAME.test(base);
    // The blobs of a storage that Chromium has moved from LevelDB stay files, in a directory named after their
    // database.
    const isBlobs = name.endsWith("_") && SQLITE_NAME.test(name.slice(0, -1));
    if (isDatabase && entry.isFile()) names.add(base);
    else if (isBlobs && entry.isDirectory()) blobs.push(`${path}/${name}`);
    else if (isDatabase || isBlobs) throw notAsMade(entry, `${path}/${name}`);
    else if (!isForeignName(name) && (await holdsSomething(dir, entry, `${path}/${name}`))) {
      throw unknownForm(`${path}/${name}`);
    } else strangers.push(`${path}/${name}`);
  }
  const databases: string[] = [];
  for (const name of [...names].sort()) if (await isSqlite(dir, `${path}/${name}`)) databases.push(name);
  if (databases.length === 0) return undefined;
  return { backend: "sqlite", path, databases, blobs: blobs.sort() };
}

async function probeLocalStorage(dir: string, strangers: string[]): Promise<StorageLayout | undefined> {
  const found: StorageLayout[] = [];
  const copies: string[] = [];
  for (const entry of await list(dir, LOCAL_STORAGE_DIR)) {
    const { name } = entry;
    const path = `${LOCAL_STORAGE_DIR}/${name}`;
    if (isStaging(name) || (!entry.isDirectory() && isScratch(name))) continue;
    if (name === "leveldb") {
      mustBeDirectory(entry, path);
      if (await isLevelDb(dir, path, strangers)) {
        found.push({ backend: "leveldb", path, databases: [], blobs: [] });
      }
    } else if (entry.isDirectory() && mayBeLocalStorageDirectory(name) && (await holdsSomething(dir, entry, path))) {
      // Chromium has not read files in this directory since 2017.
      throw unknownForm(path);
    } else (/leveldb/i.test(name) ? copies : strangers).push(path);
  }
  for (const entry of await list(dir, "Default")) {
    const { name } = entry;
    if (!name.startsWith(LOCAL_STORAGE_FILE) || isStaging(name)) continue;
    const path = `Default/${name}`;
    if (name.replace(SQLITE_SIDE, "") === LOCAL_STORAGE_FILE) {
      if (entry.isFile()) continue;
      if (!entry.isDirectory() || (await holdsSomething(dir, entry, path))) throw notAsMade(entry, path);
      strangers.push(path);
    } else if (mayBeLocalStorageFile(name) && (await holdsSomething(dir, entry, path))) throw unknownForm(path);
    else copies.push(path);
  }
  if (await isSqlite(dir, `Default/${LOCAL_STORAGE_FILE}`)) {
    found.push({ backend: "sqlite", path: "Default", databases: [LOCAL_STORAGE_FILE], blobs: [] });
  }
  strangers.push(...copies);
  return await onlyOne(dir, found, "Local Storage", copies);
}

/**
 * Whether a directory holds a LevelDB, or some of its files.
 * @throws `CORRUPT` when Chromium has marked it as corrupt
 */
async function isLevelDb(dir: string, path: string, strangers: string[]): Promise<boolean> {
  const entries = await list(dir, path);
  if (entries.some((entry) => entry.name === "corruption_info.json")) {
    throw new VaultError("CORRUPT", `The storage ${path} is broken: Chromium has marked it as corrupt.`, {
      hint: "Restore the newest good generation; this profile will be emptied by Chromium.",
    });
  }
  const parts = entries.filter(({ name }) => parseLevelDbName(name) !== undefined);
  for (const { name } of entries) {
    if (!isScratch(name) && parseLevelDbName(name) === undefined) strangers.push(`${path}/${name}`);
  }
  return parts.length > 0;
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
  if (found && !found.isDirectory()) throw notAsMade(found, path);
  return found !== undefined;
}

async function sizeOf(dir: string, path: string): Promise<number> {
  const found = await lstatOf(dir, path);
  return found?.isFile() ? Number(found.size) : 0;
}

/** Whether an entry can be storage: Chromium makes no links, pipes or sockets, and an empty directory holds nothing. */
async function holdsSomething(dir: string, entry: Dirent, path: string): Promise<boolean> {
  return entry.isDirectory() ? (await entriesOf(join(dir, path))).length > 0 : entry.isFile();
}

function mustBeDirectory(entry: Dirent, path: string): void {
  if (!entry.isDirectory()) throw notAsMade(entry, path);
}

/** @param copies of the storage under other names: without the storage itself one of them may be the session. */
async function onlyOne(
  dir: string,
  found: readonly StorageLayout[],
  what: string,
  copies: readonly string[],
): Promise<StorageLayout | undefined> {
  if (found.length === 0) {
    for (const copy of copies) if (await mayHoldSession(dir, copy)) throw onlyCopy(what, copy);
  }
  if (found.length <= 1) return found[0];
  throw inTwoForms(what, found);
}

async function mayHoldSession(dir: string, path: string): Promise<boolean> {
  const found = await lstatOf(dir, path);
  if (!found?.isDirectory()) return found?.isFile() === true && found.size > 0n;
  const entries = await entriesOf(join(dir, path)).catch(() => undefined);
  return entries === undefined || entries.some(({ name }) => !isForeignName(name));
}
