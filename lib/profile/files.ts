import { constants, type Dirent } from "node:fs";
import { lstat, open, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { codeOf, diskError } from "./disk-error.ts";
import type { Source } from "./source.ts";
import { readExactly } from "./spool.ts";

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

/** Opens for each read: a verifier goes through any number of files and must not need as many descriptors. */
export function fileSource(path: string, size: number): Source {
  return {
    size,
    read: async (position, length) => {
      try {
        const handle = await open(path, constants.O_RDONLY);
        try {
          return await readExactly(handle, position, length);
        } finally {
          await handle.close();
        }
      } catch (cause) {
        throw diskError(`read ${basename(path)}`, cause);
      }
    },
  };
}

/** The names in a directory; none when it is not there. */
export async function namesOf(path: string): Promise<string[]> {
  return (await entriesOf(path)).map(({ name }) => name);
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

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (cause) {
    if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") return [];
    throw diskError(`list ${basename(path)}`, cause);
  }
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
