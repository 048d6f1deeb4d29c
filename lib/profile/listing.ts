import { type BigIntStats, type Dirent, existsSync, lstatSync, readdirSync } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { turns } from "../async/turns.ts";
import { codeOf, diskError } from "../disk/errors.ts";
import { type FileIdentity, identifyFile } from "../disk/file-identity.ts";
import { fileSource, readExactly, readInto } from "../disk/file-source.ts";
import { isForeignName } from "../disk/foreign-names.ts";
import type { PieceSource } from "./pieces.ts";

/** How often a directory is listed whose entries are deleted meanwhile. */
const MAX_LISTINGS = 20;

/** A file of a profile, and its identity when it was listed. */
export interface IdentifiedFile extends PieceSource {
  readonly identity: FileIdentity;
}

/**
 * The files in the directory `path` of the profile at `dir`, not below it, by their names. None when it does not exist.
 * @throws `UNAVAILABLE` or `DENIED` when the disk refuses, as all functions of this file
 */
export async function filesOf(dir: string, path: string): Promise<Map<string, IdentifiedFile>> {
  const files = new Map<string, IdentifiedFile>();
  for (const { name } of (await entriesOf(join(dir, path))).filter((entry) => entry.isFile())) {
    await turns.next();
    const stat = lstatOfSync(dir, `${path}/${name}`);
    if (stat === undefined) continue;
    files.set(name, { ...pieceSource(join(dir, path, name), Number(stat.size)), identity: identifyFile(stat) });
  }
  return files;
}

/** A file that is opened for each read, or once for many. */
function pieceSource(path: string, size: number): PieceSource {
  const name = basename(path);
  return {
    ...fileSource(path, size),
    whileOpen: async (action) => {
      const asError = (cause: unknown): never => {
        throw diskError(`read ${name}`, cause);
      };
      const handle = await open(path, "r").catch(asError);
      try {
        return await action({
          size,
          read: (position, length) => readExactly(handle, position, length, name).catch(asError),
          readInto: (target, position) => readInto(handle, target, position, name).catch(asError),
        });
      } finally {
        await handle.close();
      }
    },
  };
}

/** The `lstat` of an entry of the profile at `dir`; `undefined` when it does not exist. */
export async function lstatOf(dir: string, path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(join(dir, path), { bigint: true });
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw diskError(`read ${path} of the profile`, cause);
  }
}

/** As {@link lstatOf}, synchronously: for many files. */
function lstatOfSync(dir: string, path: string): BigIntStats | undefined {
  try {
    return lstatSync(join(dir, path), { bigint: true });
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw diskError(`read ${path} of the profile`, cause);
  }
}

/** The names in a directory; none when it does not exist. */
export async function namesOf(path: string): Promise<string[]> {
  return await listed(path, () => readdir(path));
}

/** The entries of a directory; none when it does not exist. */
export async function entriesOf(path: string): Promise<Dirent[]> {
  return await listed(path, () => readdir(path, { withFileTypes: true }));
}

async function listed<T>(path: string, list: () => Promise<T[]>): Promise<T[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await list();
    } catch (cause) {
      if (mustListAgain(path, cause, attempt)) continue;
      if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") return [];
      throw diskError(`list ${basename(path)}`, cause);
    }
  }
}

/** As {@link entriesOf}, synchronously; rethrows the error of the disk. */
function entriesOfSync(path: string): Dirent[] {
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

/**
 * Paths of all files below the directory `path`, relative to `dir`; symlinks, everything else that is not a file, and
 * names that are provably somebody else's are left out.
 */
export async function walk(dir: string, path: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await entriesOf(join(dir, path))) {
    if (isForeignName(entry.name)) continue;
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await walk(dir, below)));
    else if (entry.isFile()) found.push(below);
  }
  return found;
}

/** As {@link walk}, synchronously; rethrows the error of the disk. */
export function walkSync(dir: string, path: string): string[] {
  return entriesOfSync(join(dir, path)).flatMap((entry) => {
    const below = `${path}/${entry.name}`;
    if (isForeignName(entry.name)) return [];
    if (entry.isDirectory()) return walkSync(dir, below);
    return entry.isFile() ? [below] : [];
  });
}
