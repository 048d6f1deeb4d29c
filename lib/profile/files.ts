import { type Dirent, existsSync, readdirSync } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { codeOf, diskError } from "../disk/errors.ts";
import { fileSource } from "../disk/file-source.ts";
import type { Source } from "./source.ts";

/** How often a directory is listed whose entries go meanwhile. */
const LISTINGS = 20;

/** The files right in `path` that are wanted, by their paths relative to `dir`. */
export async function filesOf(
  dir: string,
  path: string,
  isWanted: (name: string) => boolean,
): Promise<Map<string, Source>> {
  const files = new Map<string, Source>();
  for (const entry of await entriesOf(join(dir, path))) {
    if (!entry.isFile() || !isWanted(entry.name)) continue;
    const at = join(dir, path, entry.name);
    const size = await sizeOf(at);
    if (size !== undefined) files.set(path ? `${path}/${entry.name}` : entry.name, fileSource(at, size));
  }
  return files;
}

/** The names in a directory; none when it is not there. */
export async function namesOf(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (cause) {
    if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") return [];
    throw diskError(`list ${basename(path)}`, cause);
  }
}

/** The entries of a directory; none when it is not there. */
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

/** As {@link entriesOf}, at once. */
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
 * Some disks (NFS, XFS without ftype, FUSE) do not say what an entry is, and Node then looks at each: one that goes
 * meanwhile fails the whole listing, as if there were no such directory.
 */
function mustListAgain(path: string, cause: unknown, attempt: number): boolean {
  if (codeOf(cause) !== "ENOENT" || !existsSync(path)) return false;
  if (attempt < LISTINGS) return true;
  throw diskError(`list ${basename(path)}`, cause);
}

/** Paths of all files below `path`, relative to `dir`; links and whatever else is not a file are left out. */
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
