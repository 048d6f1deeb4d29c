import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { forEachConcurrent, Semaphore } from "../async/semaphore.ts";
import type { Permits } from "../async/shared-semaphore.ts";
import { syncDirectory } from "../disk/durable.ts";
import { asDiskError } from "../disk/errors.ts";
import { VaultError } from "../errors.ts";
import type { ChunkReader } from "./chunk-reader.ts";
import type { Chunk, Manifest, Piece } from "./manifest.ts";
import { NewFiles, type Part } from "./new-files.ts";

const DIRECTORY_MODE = 0o700;
/** Contents in memory of one restore at once, beside the chunks that are fetched: one is unpacked while others are written. */
const CONTENTS_AT_ONCE = 3;
/** Files that are written or synced at once. */
const FILES_AT_ONCE = 16;

/** @throws `INVALID` unless `directory` is empty or does not exist. */
export async function claimDirectory(directory: string): Promise<void> {
  const names = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE })
    .then(() => readdir(directory))
    .catch((error: unknown) => {
      throw asDiskError(`restore into ${directory}`, error);
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
 * one in memory for each permit. When it resolves every byte and name is on the disk.
 */
export async function writeProfile(
  manifest: Manifest,
  directory: string,
  reader: ChunkReader,
  { permits, signal }: { permits: Permits; signal?: AbortSignal | undefined },
): Promise<void> {
  const paths = manifest.files.map(({ path }) => join(directory, path));
  const files = new NewFiles();
  const directories = directoriesOf(manifest).map((name) => join(directory, name));
  const contents = new Semaphore(CONTENTS_AT_ONCE);
  const write = async ([chunk, writes]: [Chunk, Map<string, Write[]>], stop: AbortSignal): Promise<void> => {
    // Each piece by itself: the manifest may refer to a chunk in which other pieces are no longer needed.
    const pieces = [...writes.values()].flat().map(({ piece }) => piece);
    const writeAll = async (content: Buffer): Promise<void> => {
      for (const [path, parts] of writes) await files.write(join(directory, path), joined(parts), content);
    };
    await reader.use(chunk, { pieces, contents, signal: stop }, writeAll);
  };
  try {
    for (const path of directories) await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
    await forEachConcurrent(paths, FILES_AT_ONCE, (path) => files.create(path), signal);
    await forEachConcurrent(writesOf(manifest), permits, write, signal);
    // In no order, because nobody reads them before the end: the disk writes bytes and names together.
    const syncs = [
      ...paths.map((path) => () => files.sync(path)),
      ...[...directories, directory].map((path) => () => syncDirectory(path)),
    ];
    await forEachConcurrent(syncs, FILES_AT_ONCE, (sync) => sync(), signal);
  } catch (error) {
    throw asDiskError(`write the profile into ${directory}`, error);
  } finally {
    await files.close();
  }
}

interface Write {
  readonly piece: Piece;
  readonly position: number;
}

/** The writes that each chunk has the bytes for, by file. */
function writesOf({ files }: Manifest): Map<Chunk, Map<string, Write[]>> {
  const chunks = new Map<Chunk, Map<string, Write[]>>();
  for (const { path, pieces } of files) {
    let position = 0;
    for (const piece of pieces) {
      const byFile = chunks.get(piece.chunk) ?? new Map<string, Write[]>();
      chunks.set(piece.chunk, byFile);
      const writes = byFile.get(path) ?? [];
      writes.push({ piece, position });
      byFile.set(path, writes);
      position += piece.bytes;
    }
  }
  return chunks;
}

/** Directories of the files, parents first. */
function directoriesOf({ files }: Manifest): string[] {
  const directories = new Set<string>();
  for (const { path } of files) {
    const segments = path.split("/");
    for (let depth = 1; depth < segments.length; depth++) directories.add(segments.slice(0, depth).join("/"));
  }
  return [...directories];
}

/** The runs of pieces that follow one another in the chunk and in the file: a database has thousands of pieces. */
function joined(parts: readonly Write[]): Part[] {
  const runs: { offset: number; bytes: number; position: number }[] = [];
  for (const { piece, position } of parts) {
    const { offset, bytes } = piece;
    const last = runs.at(-1);
    if (last && last.offset + last.bytes === offset && last.position + last.bytes === position) last.bytes += bytes;
    else runs.push({ offset, bytes, position });
  }
  return runs;
}
