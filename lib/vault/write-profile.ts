import { setMaxListeners } from "node:events";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Slots } from "../async/semaphore.ts";
import type { Places } from "../async/shared-semaphore.ts";
import { syncDirectory } from "../disk/durable.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { ChunkReader } from "./chunk-reader.ts";
import type { Chunk, Manifest, Piece } from "./manifest.ts";

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** Files that are written or synced at once. */
const FILES_AT_ONCE = 16;

/** @throws `INVALID` unless `directory` is empty or does not exist. */
export async function claimDirectory(directory: string): Promise<void> {
  const names = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE })
    .then(() => readdir(directory))
    .catch((error: unknown) => {
      throw diskError(`Could not restore into ${directory}`, error);
    });
  if (names.length === 0) return;
  throw new VaultError("INVALID", `Could not restore into ${directory}: it is not empty.`);
}

/** Empties a directory that {@link claimDirectory} claimed. */
export async function emptyDirectory(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true, force: true });
}

/**
 * Writes the files of `manifest`, whose paths were checked when it was read, into an empty directory: chunks in parallel,
 * as many in memory as there are `slots`. When it resolves every byte and name is on the disk.
 */
export async function writeProfile(
  manifest: Manifest,
  directory: string,
  reader: ChunkReader,
  options: { slots: Places; signal?: AbortSignal | undefined },
): Promise<void> {
  try {
    await writeAll(manifest, directory, reader, options);
  } catch (error) {
    throw diskError(`Could not write the profile into ${directory}`, error);
  }
}

/** An error of this machine's disk as the library's own; any other as it is. */
export function diskError(what: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (isVaultError(error) || code === undefined || syscall === undefined) return error;
  const denied = ["EACCES", "EPERM", "EROFS"].includes(code);
  return new VaultError(denied ? "DENIED" : "UNAVAILABLE", `${what}: ${code}.`, {
    cause: error,
    ...(code === "ENOSPC" ? { hint: "The disk is full." } : {}),
  });
}

async function writeAll(
  manifest: Manifest,
  directory: string,
  reader: ChunkReader,
  { slots, signal }: { slots: Places; signal?: AbortSignal | undefined },
): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([...(signal ? [signal] : []), failed.signal]);
  // Every chunk under way listens; Node warns above ten.
  setMaxListeners(0, stop);
  const directories = directoriesOf(manifest);
  for (const name of directories) await mkdir(join(directory, name), { recursive: true, mode: DIRECTORY_MODE });
  // Created first and exclusively: what is written later goes into files of our own, never through a link.
  await inParallel(manifest.files, new Slots(FILES_AT_ONCE), stop, failed, ({ path }) =>
    writeAt(join(directory, path), "wx", []),
  );
  await inParallel(writesOf(manifest), slots, stop, failed, async ([chunk, files]) => {
    const content = await reader.read(chunk, stop);
    for (const [path, writes] of files) await writeAt(join(directory, path), WRITE, writes, content);
  });
  await inParallel(manifest.files, new Slots(FILES_AT_ONCE), stop, failed, ({ path }) => sync(join(directory, path)));
  for (const name of [...directories].reverse()) await syncDirectory(join(directory, name));
  await syncDirectory(directory);
}

const WRITE = constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0);

interface Write {
  readonly piece: Piece;
  readonly position: number;
}

/** What has to be written from each chunk, by file. */
function writesOf({ files }: Manifest): Map<Chunk, Map<string, Write[]>> {
  const chunks = new Map<Chunk, Map<string, Write[]>>();
  for (const { path, pieces } of files) {
    let position = 0;
    for (const piece of pieces) {
      const byFile = chunks.get(piece.chunk) ?? new Map<string, Write[]>();
      chunks.set(piece.chunk, byFile);
      byFile.set(path, [...(byFile.get(path) ?? []), { piece, position }]);
      position += piece.bytes;
    }
  }
  return chunks;
}

/** Directories of the files, parents first. */
function directoriesOf({ files }: Manifest): Set<string> {
  const directories = new Set<string>();
  for (const { path } of files) {
    const segments = path.split("/");
    for (let depth = 1; depth < segments.length; depth++) directories.add(segments.slice(0, depth).join("/"));
  }
  return directories;
}

async function writeAt(
  path: string,
  flags: string | number,
  writes: readonly Write[],
  content?: Buffer,
): Promise<void> {
  const file = await open(path, flags, FILE_MODE);
  try {
    for (const { piece, position } of writes) {
      if (content) await writeFully(file, content.subarray(piece.offset, piece.offset + piece.bytes), position);
    }
  } finally {
    await file.close();
  }
}

async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function inParallel<T>(
  items: Iterable<T>,
  slots: Places,
  signal: AbortSignal,
  failed: AbortController,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  try {
    for (const item of items) {
      await slots.take(signal);
      const one: Promise<void> = work(item)
        .catch((error: unknown) => failed.abort(error))
        .finally(() => {
          slots.give();
          underWay.delete(one);
        });
      underWay.add(one);
    }
  } finally {
    await Promise.all(underWay);
  }
  signal.throwIfAborted();
}
