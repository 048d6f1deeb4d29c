import { constants as fsConstants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { crc32, createInflateRaw, inflateRaw } from "node:zlib";
import { forEachConcurrent } from "../async/semaphore.ts";
import { writeFully } from "../disk/durable.ts";
import { asDiskError, codeOf, diskError } from "../disk/errors.ts";
import { fileSource, readExactly } from "../disk/file-source.ts";
import { VaultError } from "../errors.ts";
import type { CaptureFile } from "../store.ts";
import type { DirectoryEntry } from "./directory-entry.ts";
import { damaged } from "./errors.ts";
import { flow } from "./flow.ts";
import { readDirectory, type ZipDirectory } from "./zip-directory.ts";
import { methods } from "./zip-format.ts";

export interface UnzipReport {
  /** The files, in the archive's order; they read from `intoDir`. */
  readonly files: readonly CaptureFile[];
  /** Bytes of the files. */
  readonly bytes: number;
  /** Whether the archive holds these files alone and by these names, so that every program reads it as the profile. */
  readonly isPlain: boolean;
  /** Names in the archive of files beside the profile, which were not unpacked; absent without any. */
  readonly leftOut?: readonly string[];
}

/** An entry up to this size is inflated at once, up to four entries at a time; larger entries are streamed. */
const WHOLE_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
const AT_ONCE = 4;
const NEW_FILE = fsConstants.O_CREAT | fsConstants.O_EXCL | fsConstants.O_WRONLY | (fsConstants.O_NOFOLLOW ?? 0);

/**
 * Unpacks the zip at `zipPath` into `intoDir`, a directory that is empty or does not exist. When it resolves, every
 * file is written, and has the size and the CRC that the archive names. No file is ever written outside `intoDir`;
 * after an error `intoDir` may have some of the files, and must be removed.
 *
 * The files may have a gibibyte and a hundred times the size of the archive, and no two entries may share bytes. Where the
 * profile lies below a folder that was zipped, or its `Default` has another name there or none, the files become those of a
 * profile. What macOS adds, and the links of a browser that runs, are left out.
 * @throws `CORRUPT` when the archive is empty, cut short or damaged; `INVALID` when it is whole but unsafe to unpack, or
 *   not readable: names that are absolute, lead outside or clash (also by case alone), links, encryption, other compressions,
 *   several profiles, one part of several, a bomb, a file that exists already; `UNAVAILABLE` when it cannot be read or the
 *   disk is full; `DENIED`; the signal's reason when aborted.
 */
export async function unzip(
  zipPath: string,
  intoDir: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<UnzipReport> {
  const { signal } = options;
  signal?.throwIfAborted();
  try {
    const handle = await open(zipPath, "r");
    try {
      const directory = await readDirectory(handle, zipPath);
      return await unpack({ path: zipPath, handle, directory }, resolve(intoDir), signal);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw diskError(`unzip ${zipPath} into ${intoDir}`, cause);
  }
}

interface Zip {
  readonly path: string;
  readonly handle: FileHandle;
  readonly directory: ZipDirectory;
}

async function unpack(zip: Zip, into: string, signal?: AbortSignal): Promise<UnzipReport> {
  const { entries } = zip.directory;
  await mkdir(into, { recursive: true, mode: 0o700 });
  const made = new Set([into]);
  for (const entry of entries) {
    const directory = entry.directory ? join(into, entry.path) : dirname(join(into, entry.path));
    if (!made.has(directory)) await mkdir(directory, { recursive: true, mode: 0o700 });
    made.add(directory);
  }
  const files = entries.filter((entry) => !entry.directory);
  const work = (entry: DirectoryEntry, stop: AbortSignal) => unpackEntry(zip, entry, join(into, entry.path), stop);
  await forEachConcurrent(files, AT_ONCE, work, signal);
  return {
    files: files.map(({ path, size }) => ({
      path,
      change: changeOf(path),
      ...fileSource(join(into, path), size, path),
    })),
    bytes: files.reduce((sum, entry) => sum + entry.size, 0),
    isPlain: zip.directory.isPlain,
    ...(zip.directory.leftOut.length > 0 ? { leftOut: zip.directory.leftOut } : {}),
  };
}

async function unpackEntry(zip: Zip, entry: DirectoryEntry, path: string, signal: AbortSignal): Promise<void> {
  try {
    const start = await zip.directory.dataStart(entry);
    const out = await create(zip, path);
    try {
      const isSmall = entry.size <= WHOLE_BYTES && entry.compressedSize <= WHOLE_BYTES;
      const unpacked = isSmall ? unpackWhole(zip, start, entry, out) : unpackStreamed(zip, start, entry, out, signal);
      const { bytes, crc } = await unpacked;
      if (bytes !== entry.size) throw damagedEntry(zip, entry, `it has ${bytes} bytes instead of ${entry.size}`);
      if (crc !== entry.crc) throw damagedEntry(zip, entry, "its checksum is wrong");
    } finally {
      await out.close();
    }
  } catch (cause) {
    if (isInflateError(cause)) throw damagedEntry(zip, entry, "it cannot be inflated", cause);
    throw asDiskError(`unzip ${zip.path} to ${path}`, cause);
  }
}

/** An error of zlib, or more bytes than the entry may have. */
function isInflateError(cause: unknown): boolean {
  const code = codeOf(cause) ?? "";
  return code.startsWith("Z_") || code === "ERR_BUFFER_TOO_LARGE";
}

async function create(zip: Zip, path: string): Promise<FileHandle> {
  try {
    return await open(path, NEW_FILE, 0o600);
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw cause;
    throw new VaultError("INVALID", `Could not unzip ${zip.path}: ${path} exists already.`, {
      cause,
      hint: "Unpack into an empty directory.",
    });
  }
}

const inflate: (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer> = promisify(inflateRaw);

interface Unpacked {
  readonly bytes: number;
  readonly crc: number;
}

async function unpackWhole(zip: Zip, start: number, entry: DirectoryEntry, out: FileHandle): Promise<Unpacked> {
  const packed = await readExactly(zip.handle, start, entry.compressedSize, zip.path);
  const isStored = entry.method === methods.stored;
  const content = isStored ? packed : await inflate(packed, { maxOutputLength: entry.size + 1 });
  await writeFully(out, content, 0);
  return { bytes: content.length, crc: crc32(content) };
}

async function unpackStreamed(
  zip: Zip,
  start: number,
  entry: DirectoryEntry,
  out: FileHandle,
  signal: AbortSignal,
): Promise<Unpacked> {
  let crc = 0;
  let bytes = 0;
  async function* packed(): AsyncGenerator<Buffer> {
    for (let at = 0; at < entry.compressedSize; at += READ_BYTES) {
      yield await readExactly(zip.handle, start + at, Math.min(READ_BYTES, entry.compressedSize - at), zip.path);
    }
  }
  const write = async (chunk: Buffer): Promise<void> => {
    if (bytes + chunk.length > entry.size) throw damagedEntry(zip, entry, `it has more than ${entry.size} bytes`);
    crc = crc32(chunk, crc);
    await writeFully(out, chunk, bytes);
    bytes += chunk.length;
  };
  await flow(packed(), entry.method === methods.stored ? undefined : createInflateRaw(), write, signal);
  return { bytes, crc };
}

function damagedEntry(zip: Zip, entry: DirectoryEntry, why: string, cause?: unknown): VaultError {
  return damaged(zip.path, `${JSON.stringify(entry.path)}: ${why}`, cause);
}

/** How Chromium changes a file of this name; see `CaptureFile.change`. */
function changeOf(path: string): CaptureFile["change"] {
  if (path.endsWith(".ldb") || path.includes(".indexeddb.blob/")) return "never";
  return /\/(\d+\.log|MANIFEST-\d+)$/.test(path) ? "append" : "anywhere";
}
