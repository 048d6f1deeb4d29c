import { constants as fsConstants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { crc32, createInflateRaw, inflateRaw } from "node:zlib";
import { isVaultError, VaultError } from "../errors.ts";
import type { CaptureFile } from "../store.ts";
import { archiveFailure } from "./failure.ts";
import { flow } from "./flow.ts";
import { corrupt, type DirectoryEntry, readAt, readDirectory } from "./zip-directory.ts";
import { methods, recordBytes, signatures } from "./zip-format.ts";

/** What was unpacked. */
export interface UnzipReport {
  /** The files, in the archive's order; they read from `intoDir`. */
  readonly files: readonly CaptureFile[];
  /** Bytes of the files. */
  readonly bytes: number;
}

/** An entry up to this size is inflated in one go, a few of them at a time; larger ones are streamed. */
const wholeBytes = 4 * 1024 * 1024;
const readBytes = 1024 * 1024;
const workers = 4;
const newFile = fsConstants.O_CREAT | fsConstants.O_EXCL | fsConstants.O_WRONLY | (fsConstants.O_NOFOLLOW ?? 0);

/**
 * Unpacks the zip at `zipPath` into `intoDir`, a directory that is empty or does not exist. When it resolves every file
 * is written, and has the size and the CRC that the archive says. Nothing is ever written outside `intoDir`; on any
 * error `intoDir` may hold parts: throw it away.
 *
 * An archive may hold a gibibyte and a hundred times its own size, and no two entries may share bytes.
 * @throws `CORRUPT` when the archive is empty, cut short or damaged; `INVALID` when it is whole and not to be unpacked:
 *   names that are absolute, lead outside or clash (also by case alone), links, encryption, a bomb, a file that is there
 *   already; `UNAVAILABLE` when it cannot be read or the disk is full; `DENIED`; the signal's reason when aborted.
 */
export async function unzip(
  zipPath: string,
  intoDir: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<UnzipReport> {
  const { signal } = options;
  try {
    signal?.throwIfAborted();
    const handle = await open(zipPath, "r");
    try {
      return await unpack(handle, resolve(intoDir), signal);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const failure = archiveFailure(`unzip ${zipPath}`, cause, signal);
    throw failure === cause && isVaultError(failure) ? named(zipPath, failure) : failure;
  }
}

function named(zipPath: string, error: VaultError): VaultError {
  const hint = error.hint ?? (error.code === "CORRUPT" ? "Restore an older copy of the session." : undefined);
  return new VaultError(error.code, `unzip ${zipPath}: ${error.message}`, {
    cause: error,
    retryable: error.retryable,
    ...(hint === undefined ? {} : { hint }),
  });
}

async function unpack(handle: FileHandle, into: string, signal?: AbortSignal): Promise<UnzipReport> {
  const entries = await readDirectory(handle);
  await mkdir(into, { recursive: true, mode: 0o700 });
  const made = new Set([into]);
  for (const entry of entries) {
    const directory = entry.directory ? join(into, entry.path) : dirname(join(into, entry.path));
    if (!made.has(directory)) await mkdir(directory, { recursive: true, mode: 0o700 });
    made.add(directory);
  }
  const files = entries.filter((entry) => !entry.directory);
  const stop = new AbortController();
  const stopped = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let entry = files[next++]; entry !== undefined; entry = files[next++]) {
      stopped.throwIfAborted();
      await unpackEntry(handle, entry, join(into, entry.path), stopped);
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: workers }, () =>
      work().catch((cause: unknown) => {
        stop.abort(cause);
        throw stop.signal.reason;
      }),
    ),
  );
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return {
    files: files.map((entry) => unpackedFile(join(into, entry.path), entry.path, entry.size)),
    bytes: files.reduce((sum, entry) => sum + entry.size, 0),
  };
}

async function unpackEntry(zip: FileHandle, entry: DirectoryEntry, path: string, signal: AbortSignal): Promise<void> {
  const dataAt = await findData(zip, entry);
  const out = await create(path);
  try {
    const small = entry.size <= wholeBytes && entry.compressedSize <= wholeBytes;
    const crc = small
      ? await unpackWhole(zip, dataAt, entry, out)
      : await unpackStreamed(zip, dataAt, entry, out, signal);
    if (crc !== entry.crc) throw damaged(entry, "its checksum is wrong");
  } finally {
    await out.close();
  }
}

async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, newFile, 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw new VaultError("INVALID", `${path} is there already`, { cause, hint: "Unpack into an empty directory." });
  }
}

/** Where the entry's data begins; its local header has to agree with the directory. */
async function findData(zip: FileHandle, entry: DirectoryEntry): Promise<number> {
  const header = await readAt(zip, entry.offset, recordBytes.local);
  const nameBytes = header.readUInt16LE(26);
  const nameAt = entry.offset + recordBytes.local;
  if (header.readUInt32LE(0) !== signatures.local || header.readUInt16LE(8) !== entry.method) {
    throw damaged(entry, "its header is wrong");
  }
  if ((await readAt(zip, nameAt, nameBytes)).toString("utf8") !== entry.path) {
    throw damaged(entry, "its header has another name");
  }
  return nameAt + nameBytes + header.readUInt16LE(28);
}

const inflate: (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer> = promisify(inflateRaw);

async function unpackWhole(zip: FileHandle, dataAt: number, entry: DirectoryEntry, out: FileHandle): Promise<number> {
  const packed = await readAt(zip, dataAt, entry.compressedSize);
  const bytes = entry.method === methods.stored ? packed : await inflateExactly(packed, entry);
  if (bytes.length > 0) await out.writeFile(bytes);
  return crc32(bytes);
}

async function inflateExactly(packed: Buffer, entry: DirectoryEntry): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await inflate(packed, { maxOutputLength: entry.size + 1 });
  } catch (cause) {
    throw damaged(entry, "it cannot be inflated", cause);
  }
  if (bytes.length !== entry.size) throw damaged(entry, `it has ${bytes.length} bytes instead of ${entry.size}`);
  return bytes;
}

async function unpackStreamed(
  zip: FileHandle,
  dataAt: number,
  entry: DirectoryEntry,
  out: FileHandle,
  signal: AbortSignal,
): Promise<number> {
  let crc = 0;
  let bytes = 0;
  async function* packed(): AsyncGenerator<Buffer> {
    for (let at = 0; at < entry.compressedSize; at += readBytes) {
      yield await readAt(zip, dataAt + at, Math.min(readBytes, entry.compressedSize - at));
    }
  }
  const write = async (chunk: Buffer): Promise<void> => {
    bytes += chunk.length;
    if (bytes > entry.size) throw damaged(entry, `it has more than ${entry.size} bytes`);
    crc = crc32(chunk, crc);
    await out.writeFile(chunk);
  };
  try {
    await flow(packed(), entry.method === methods.stored ? undefined : createInflateRaw(), write, signal);
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    throw code.startsWith("Z_") ? damaged(entry, "it cannot be inflated", cause) : cause;
  }
  if (bytes !== entry.size) throw damaged(entry, `it has ${bytes} bytes instead of ${entry.size}`);
  return crc;
}

function damaged(entry: DirectoryEntry, why: string, cause?: unknown): VaultError {
  const error = corrupt(`${JSON.stringify(entry.path)}: ${why}`);
  return cause === undefined ? error : new VaultError("CORRUPT", error.message, { cause });
}

/** An unpacked file as a capture has it. */
function unpackedFile(diskPath: string, path: string, size: number): CaptureFile {
  return {
    path,
    size,
    change: changeOf(path),
    async read(position, length) {
      if (position + length > size) throw new VaultError("CORRUPT", `read ${path}: it has ${size} bytes`);
      try {
        return await readUnpacked(diskPath, position, length);
      } catch (cause) {
        throw archiveFailure(`read ${path}`, cause);
      }
    },
  };
}

async function readUnpacked(path: string, position: number, length: number): Promise<Buffer> {
  const handle = await open(path, "r");
  try {
    return await readAt(handle, position, length);
  } finally {
    await handle.close();
  }
}

/** How Chromium changes a file of this name; see `CaptureFile.change`. */
function changeOf(path: string): CaptureFile["change"] {
  if (path.endsWith(".ldb") || path.includes(".indexeddb.blob/")) return "never";
  return /\/(\d+\.log|MANIFEST-\d+)$/.test(path) ? "append" : "anywhere";
}
