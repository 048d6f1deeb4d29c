import type { Dirent } from "node:fs";
import { join } from "node:path";
import { isForeignName } from "../disk/foreign-names.ts";
import { VaultError } from "../errors.ts";
import type { StorageBackend } from "../store.ts";
import { notAsMade, unknownForm } from "./layout-errors.ts";
import { parseLevelDbName } from "./leveldb/manifest.ts";
import { entriesOf, lstatOf } from "./listing.ts";
import { WAL_HEADER_BYTES } from "./sqlite/wal.ts";
import { isScratch, LEVELDB_LOST } from "./storage-names.ts";

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

/** What a look for one kind of storage has found, by paths relative to the profile. */
export interface Found {
  /** The storage in each form that is there. */
  readonly layouts: readonly StorageLayout[];
  /** What is no part of a storage, and no copy of one. */
  readonly strangers: readonly string[];
  /** What may be the storage under another name. */
  readonly copies: readonly string[];
}

/** What a look has found, of which only some is given. */
export function foundOnly(found: Partial<Found>): Found {
  return { layouts: [], strangers: [], copies: [], ...found };
}

/** All that several looks have found. */
export function together(...found: readonly Found[]): Found {
  return {
    layouts: found.flatMap(({ layouts }) => layouts),
    strangers: found.flatMap(({ strangers }) => strangers),
    copies: found.flatMap(({ copies }) => copies),
  };
}

/**
 * The LevelDB in the directory `path`, and what else lies there.
 * @throws `CORRUPT` when Chromium has marked it as corrupt, or when there is something else in its place
 */
export async function findLevelDb(dir: string, path: string, blobs: readonly string[]): Promise<Found> {
  const names = (await list(dir, path)).map(({ name }) => name);
  if (names.includes("corruption_info.json")) {
    throw new VaultError("CORRUPT", `The storage ${path} is broken: Chromium has marked it as corrupt.`, {
      hint: "Restore the newest good generation; this profile will be emptied by Chromium.",
    });
  }
  const others = names.filter((name) => parseLevelDbName(name) === undefined);
  const strangers = others
    .filter((name) => !isScratch(name) && name !== LEVELDB_LOST)
    .map((name) => ({ name, path: `${path}/${name}` }));
  const found = foundOnly({ strangers: strangers.map((one) => one.path) });
  if (others.length < names.length) return { ...found, layouts: [{ backend: "leveldb", path, databases: [], blobs }] };
  for (const one of strangers) {
    if (!isForeignName(one.name) && (await holdsSomething(dir, one.path))) throw unknownForm(one.path);
  }
  return found;
}

/**
 * Whether there is a SQLite database, or the log of a lost one. An empty file is a database that nothing was written to
 * yet.
 */
export async function isSqlite(dir: string, path: string): Promise<boolean> {
  return (await sizeOf(dir, path)) > 0 || (await sizeOf(dir, `${path}-wal`)) > WAL_HEADER_BYTES;
}

/** The entries of a directory; none when it does not exist. @throws `CORRUPT` when no directory is there */
export async function list(dir: string, path: string): Promise<Dirent[]> {
  return (await mustHoldEntries(dir, path)) ? await entriesOf(join(dir, path)) : [];
}

/** @returns `false` when nothing is there. @throws `CORRUPT` when no directory is there */
export async function mustHoldEntries(dir: string, path: string): Promise<boolean> {
  const found = await lstatOf(dir, path);
  if (found && !found.isDirectory()) throw notAsMade(found, path);
  return found !== undefined;
}

export function mustBeDirectory(entry: Dirent, path: string): void {
  if (!entry.isDirectory()) throw notAsMade(entry, path);
}

/**
 * Whether an entry can be storage: Chromium makes no links, pipes or sockets, and neither an empty file nor a directory
 * in which there are only such things, or somebody else's, holds anything.
 */
export async function holdsSomething(dir: string, path: string): Promise<boolean> {
  const found = await lstatOf(dir, path);
  if (!found?.isDirectory()) return found?.isFile() === true && found.size > 0n;
  for (const { name } of await entriesOf(join(dir, path))) {
    if (!isForeignName(name) && (await holdsSomething(dir, `${path}/${name}`))) return true;
  }
  return false;
}

async function sizeOf(dir: string, path: string): Promise<number> {
  const found = await lstatOf(dir, path);
  return found?.isFile() ? Number(found.size) : 0;
}
