import { type Dirent, existsSync, readdirSync } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { codeOf, diskError } from "../disk/errors.ts";
import { type FileSource, fileSource } from "../disk/file-source.ts";

/** How often a directory is listed whose entries are deleted meanwhile. */
const MAX_LISTINGS = 20;

/**
 * The wanted files in the directory `path`, not below it, by their paths relative to `dir`. None when it does not
 * exist.
 * @throws `UNAVAILABLE` or `DENIED` when the disk refuses, as all functions of this file
 */
export async function filesOf(
  dir: string,
  path: string,
  isWanted: (name: string) => boolean,
): Promise<Map<string, FileSource>> {
  const files = new Map<string, FileSource>();
  for (const entry of await entriesOf(join(dir, path))) {
    if (!entry.isFile() || !isWanted(entry.name)) continue;
    const at = join(dir, path, entry.name);
    const size = await sizeOf(at);
    if (size !== undefined) files.set(path ? `${path}/${entry.name}` : entry.name, fileSource(at, size));
  }
  return files;
}

/** The names in a directory; none when it does not exist. */
export async function namesOf(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (cause) {
    if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") return [];
    throw diskError(`list ${basename(path)}`, cause);
  }
}

/** The entries of a directory; none when it does not exist. */
export async function entriesOf(path: string): Promise<Dirent[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readdir(path, { withFileTypes: true });
    } catch (cause) {
      if (mustListAgain(path, cause, attempt)) continue;
      if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") return [];
      throw diskError(`list ${basename(path)}`, cause);
    }
  }
}

/** As {@link entriesOf}, synchronously; rethrows the error of the disk. */
export function entriesOfSync(path: string): Dirent[] {
  for (let attempt = 1; ; attempt++) {
    try {
      return readdirSync(path, { withFileTypes: true });
    } catch (cause) {
      if (mustListAgain(path, cause, attempt)) continue;
      if (codeOf(cause) === "ENOENT") return [];
      throw cause;
    }
  }
}

/**
 * Some file systems (NFS, XFS without ftype, FUSE) do not give the type of an entry, and Node then calls `lstat` on
 * each entry: one that is deleted meanwhile fails the whole listing with `ENOENT`, as if the directory did not exist.
 */
function mustListAgain(path: string, cause: unknown, attempt: number): boolean {
  if (codeOf(cause) !== "ENOENT" || !existsSync(path)) return false;
  if (attempt < MAX_LISTINGS) return true;
  throw diskError(`list ${basename(path)}`, cause);
}

/** Paths of all files below `path`, relative to `dir`; symlinks and everything else that is not a file are left out. */
export async function walk(dir: string, path: string): Promise<string[]> {
  const found: string[] = [];
  if (await isLink(join(dir, path))) return found;
  for (const entry of await entriesOf(join(dir, path))) {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await walk(dir, below)));
    else if (entry.isFile()) found.push(below);
  }
  return found;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw diskError(`read ${basename(path)}`, cause);
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return false;
    throw diskError(`read ${basename(path)}`, cause);
  }
}
