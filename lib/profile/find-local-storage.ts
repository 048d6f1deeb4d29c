import { isCopyName, isForeignName } from "../disk/foreign-names.ts";
import {
  type Found,
  findLevelDb,
  foundOnly,
  holdsSomething,
  isSqlite,
  list,
  mustBeDirectory,
  together,
} from "./found-storage.ts";
import { notAsMade, unknownForm } from "./layout-errors.ts";
import { isScratch, isStaging, LOCAL_STORAGE_FILE, SQLITE_SIDE } from "./storage-names.ts";

const LOCAL_STORAGE_DIR = "Local Storage";

/**
 * Finds the Local Storage of the profile.
 * @throws `CORRUPT` when there is one in an unknown form, or something else in its place
 */
export async function findLocalStorage(dir: string): Promise<Found> {
  let found = await findInDirectory(dir, `Default/${LOCAL_STORAGE_DIR}`);
  for (const entry of await list(dir, "Default")) {
    const { name } = entry;
    const path = `Default/${name}`;
    const mayBeStorage = name.startsWith(LOCAL_STORAGE_FILE) || name.startsWith(LOCAL_STORAGE_DIR);
    if (!mayBeStorage || name === LOCAL_STORAGE_DIR || isStaging(name) || isScratch(name)) continue;
    const isDatabase = name.replace(SQLITE_SIDE, "") === LOCAL_STORAGE_FILE;
    if (isDatabase && entry.isFile()) continue;
    if (isDatabase && (!entry.isDirectory() || (await holdsSomething(dir, path)))) throw notAsMade(entry, path);
    if (!isForeignName(name) && (await holdsSomething(dir, path))) throw unknownForm(path);
    found = together(found, foundOnly({ copies: [path] }));
  }
  if (!(await isSqlite(dir, `Default/${LOCAL_STORAGE_FILE}`))) return found;
  const databases = [LOCAL_STORAGE_FILE];
  return together(found, foundOnly({ layouts: [{ backend: "sqlite", path: "Default", databases, blobs: [] }] }));
}

async function findInDirectory(dir: string, parent: string): Promise<Found> {
  let found: Found = foundOnly({});
  for (const entry of await list(dir, parent)) {
    const { name } = entry;
    const path = `${parent}/${name}`;
    if (isStaging(name) || (!entry.isDirectory() && isScratch(name))) continue;
    if (name === "leveldb") {
      mustBeDirectory(entry, path);
      found = together(found, await findLevelDb(dir, path, []));
    } else if (!isForeignName(name) && (await holdsSomething(dir, path))) throw unknownForm(path);
    else {
      const isSystems = isForeignName(name) && !isCopyName(name);
      found = together(found, foundOnly(isSystems ? { strangers: [path] } : { copies: [path] }));
    }
  }
  return found;
}
