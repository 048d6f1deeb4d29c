import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { constants, crc32, createDeflateRaw, deflateRaw } from "node:zlib";
import { VaultError } from "../errors.ts";
import type { CaptureFile } from "../store.ts";
import { EntryPaths } from "./entry-path.ts";
import { archiveFailure } from "./failure.ts";
import { flow } from "./flow.ts";
import { centralHeader, endRecords, localHeader, methods, type ZipEntry } from "./zip-format.ts";

/** What a zip came to. */
export interface ZipReport {
  /** Bytes of the zip. */
  readonly bytes: number;
  /** SHA-256 of the zip, lowercase hex. Equal files make equal zips. */
  readonly sha256: string;
}

/** A file up to this size is deflated in one go, a few of them at a time; larger ones are streamed. */
const wholeBytes = 4 * 1024 * 1024;
const readBytes = 1024 * 1024;
const lookAhead = 4;
/** Above this the local header is written with 64-bit sizes: deflate may add a little to what cannot be deflated. */
const zip64Bytes = 0xffffffff - 16 * 1024 * 1024;
// Profiles hold blocks that are compressed already: higher levels take 2 % more off and a quarter longer.
const level = constants.Z_BEST_SPEED;

const deflate: (bytes: Buffer, options: { level: number }) => Promise<Buffer> = promisify(deflateRaw);

/**
 * Writes `files` as a zip at `zipPath`, atomically: either the whole archive is there afterwards, or what was there
 * before. Any zip tool reads it, stream readers included. Holds at most a few files of 4 MiB in memory.
 * @throws `CORRUPT` when a file does not give its bytes, `INVALID` for unsafe or clashing paths, `UNAVAILABLE` when the
 *   disk is full or fails, `DENIED`; the signal's reason when aborted.
 */
export async function zipFiles(
  files: readonly CaptureFile[],
  zipPath: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<ZipReport> {
  const { signal } = options;
  const temporary = join(dirname(zipPath), `.${basename(zipPath)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    signal?.throwIfAborted();
    const names = new EntryPaths();
    for (const file of files) names.add(checkFilePath(file.path));
    const report = await writeArchive(files, temporary, signal);
    signal?.throwIfAborted();
    await rename(temporary, zipPath);
    await syncDirectory(dirname(zipPath));
    return report;
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw archiveFailure(`zip ${zipPath}`, cause, signal);
  }
}

function checkFilePath(path: string): string {
  if (path.endsWith("/")) throw new VaultError("INVALID", `${JSON.stringify(path)} is the name of a directory`);
  return path;
}

async function writeArchive(files: readonly CaptureFile[], path: string, signal?: AbortSignal): Promise<ZipReport> {
  const handle = await open(path, "wx+", 0o600);
  try {
    const out = new Output(handle);
    const entries = await writeEntries(files, out, signal);
    const start = out.position;
    for (const entry of entries) await out.write(centralHeader(entry));
    await out.write(endRecords(entries.length, out.position - start, start));
    await out.flush();
    await handle.sync();
    return { bytes: out.position, sha256: await sha256(handle, out.position, signal) };
  } finally {
    await handle.close();
  }
}

async function writeEntries(files: readonly CaptureFile[], out: Output, signal?: AbortSignal): Promise<ZipEntry[]> {
  const entries: ZipEntry[] = [];
  const begun: (Promise<Whole> | undefined)[] = [];
  for (const [index, file] of files.entries()) {
    while (begun.length < Math.min(files.length, index + lookAhead)) begun.push(begin(files[begun.length]));
    signal?.throwIfAborted();
    const whole = begun[index];
    begun[index] = undefined;
    entries.push(await (whole === undefined ? writeLarge(file, out, signal) : writeWhole(file, await whole, out)));
  }
  return entries;
}

interface Whole {
  readonly crc: number;
  readonly deflated: Buffer;
}

/** Starts on a small file; the failure is seen by whoever awaits it. */
function begin(file: CaptureFile | undefined): Promise<Whole> | undefined {
  if (file === undefined || file.size > wholeBytes) return undefined;
  const whole = (async () => {
    const bytes = await readExactly(file, 0, file.size);
    return { crc: crc32(bytes), deflated: await deflate(bytes, { level }) };
  })();
  whole.catch(() => {});
  return whole;
}

async function writeWhole(file: CaptureFile, { crc, deflated }: Whole, out: Output): Promise<ZipEntry> {
  const entry = newEntry(file, crc, deflated.length, out.position);
  await out.write(localHeader(entry, false));
  await out.write(deflated);
  return entry;
}

/** Writes the header twice: once to keep its place, once when the checksum and the size are known. */
async function writeLarge(file: CaptureFile, out: Output, signal?: AbortSignal): Promise<ZipEntry> {
  const zip64 = file.size > zip64Bytes;
  const offset = out.position;
  const placeholder = localHeader(newEntry(file, 0, 0, offset), zip64);
  await out.write(placeholder);
  let crc = 0;
  async function* content(): AsyncGenerator<Buffer> {
    for (let at = 0; at < file.size; at += readBytes) {
      const bytes = await readExactly(file, at, Math.min(readBytes, file.size - at));
      crc = crc32(bytes, crc);
      yield bytes;
    }
  }
  await flow(content(), createDeflateRaw({ level }), (chunk) => out.write(chunk), signal);
  const entry = newEntry(file, crc, out.position - offset - placeholder.length, offset);
  await out.rewrite(localHeader(entry, zip64), offset);
  return entry;
}

function newEntry(file: CaptureFile, crc: number, compressedSize: number, offset: number): ZipEntry {
  return { path: file.path, method: methods.deflated, crc, compressedSize, size: file.size, offset };
}

async function readExactly(file: CaptureFile, position: number, length: number): Promise<Buffer> {
  const bytes = length === 0 ? Buffer.alloc(0) : await file.read(position, length);
  if (bytes.length === length) return bytes;
  throw new VaultError("CORRUPT", `read ${file.path}: got ${bytes.length} bytes at ${position} instead of ${length}`);
}

/** Appends to a file through a buffer, so that many small records are few writes. */
class Output {
  readonly #handle: FileHandle;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #flushed = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  get position(): number {
    return this.#flushed + this.#pendingBytes;
  }

  async write(bytes: Buffer): Promise<void> {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= readBytes) await this.flush();
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    await writeFully(this.#handle, bytes, this.#flushed);
    this.#flushed += bytes.length;
  }

  /** Replaces bytes that were written before. */
  async rewrite(bytes: Buffer, position: number): Promise<void> {
    await this.flush();
    await writeFully(this.#handle, bytes, position);
  }
}

async function writeFully(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

async function sha256(handle: FileHandle, size: number, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(Math.min(readBytes, Math.max(size, 1)));
  for (let at = 0; at < size; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) throw new VaultError("CORRUPT", `the zip ends at ${at} instead of ${size}`);
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return hash.digest("hex");
}

/** Makes a rename in `directory` last. Windows opens no directories; some mounted disks cannot sync them. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "EBADF", "ENOTSUP"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    await handle.close();
  }
}
