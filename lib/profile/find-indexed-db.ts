import { isForeignName } from "../disk/foreign-names.ts";
import {
  type Found,
  findLevelDb,
  foundOnly,
  holdsSomething,
  isSqlite,
  list,
  mustBeDirectory,
  type StorageLayout,
  together,
} from "./found-storage.ts";
import { notAsMade, unknownForm } from "./layout-errors.ts";
import { isScratch, isStaging, ORIGIN, SQLITE_NAME, SQLITE_SIDE } from "./storage-names.ts";

const INDEXED_DB = "Default/IndexedDB";
const BLOBS = `${ORIGIN}.indexeddb.blob`;

/**
 * Finds the IndexedDB of the site.
 * @throws `CORRUPT` when there is one in an unknown form, or something else in its place
 */
export async function findIndexedDb(dir: string): Promise<Found> {
  let found: Found = foundOnly({});
  for (const entry of await list(dir, INDEXED_DB)) {
    const { name } = entry;
    // The other entries are the storages of other sites.
    if (!name.includes(ORIGIN) || isStaging(name)) continue;
    const path = `${INDEXED_DB}/${name}`;
    if ([BLOBS, `${ORIGIN}.indexeddb.leveldb`, ORIGIN].includes(name)) mustBeDirectory(entry, path);
    if (name === BLOBS) continue;
    if (name === `${ORIGIN}.indexeddb.leveldb`) {
      found = together(found, await findLevelDb(dir, path, [`${INDEXED_DB}/${BLOBS}`]));
    } else if (name === ORIGIN) found = together(found, await findDatabases(dir, path));
    else if (name.startsWith(ORIGIN) && !isForeignName(name) && (await holdsSomething(dir, path))) {
      throw unknownForm(path);
    } else found = together(found, foundOnly({ copies: [path] }));
  }
  return found;
}

/** The SQLite databases in a directory, and what else lies there. */
async function findDatabases(dir: string, path: string): Promise<Found> {
  const names = new Set<string>();
  const blobs: string[] = [];
  const strangers: string[] = [];
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
    else if (!isForeignName(name) && (await holdsSomething(dir, `${path}/${name}`))) {
      throw unknownForm(`${path}/${name}`);
    } else strangers.push(`${path}/${name}`);
  }
  const databases: string[] = [];
  for (const name of [...names].sort()) if (await isSqlite(dir, `${path}/${name}`)) databases.push(name);
  if (databases.length === 0) return foundOnly({ strangers });
  const layouts: StorageLayout[] = [{ backend: "sqlite", path, databases, blobs: blobs.sort() }];
  return foundOnly({ layouts, strangers });
}
