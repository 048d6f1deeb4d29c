import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { constants, crc32, createDeflateRaw, deflateRaw } from "node:zlib";
import { replaceFile, writeFully } from "../disk/durable.ts";
import { diskError } from "../disk/errors.ts";
import { readExactly, readPart } from "../disk/file-source.ts";
import { pathProblem } from "../disk/safe-paths.ts";
import { VaultError } from "../errors.ts";
import type { CaptureFile } from "../store.ts";
import { flow } from "./flow.ts";
import { centralHeader, endRecords, localHeader, methods, type ZipEntry } from "./zip-format.ts";

export interface ZipReport {
  /** Bytes of the zip. */
  readonly bytes: number;
  /** SHA-256 of the zip, lowercase hex. Equal files make equal zips. */
  readonly sha256: string;
}

/** A file up to this size is deflated at once, up to four files at a time; larger files are streamed. */
const WHOLE_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;
const LOOK_AHEAD = 4;
/** Above this size the local header has 64-bit sizes: deflate may add some bytes to a file that it cannot shrink. */
const ZIP64_BYTES = 0xffffffff - 16 * 1024 * 1024;
// Much of a profile is compressed already: higher levels save 2 % more bytes and take a quarter more time.
const LEVEL = constants.Z_BEST_SPEED;

const deflate: (bytes: Buffer, options: { level: number }) => Promise<Buffer> = promisify(deflateRaw);

/**
 * Writes `files` as a zip at `zipPath`, atomically: afterwards the file is either the whole archive or the old file.
 * Any zip tool reads it, stream readers included. Needs memory for a few files of up to 4 MiB.
 * @throws `CORRUPT` when a file has fewer bytes than its size, `INVALID` for unsafe or clashing paths, `UNAVAILABLE`
 *   when the disk is full or fails, `DENIED`; the signal's reason when aborted.
 */
export async function zipFiles(
  files: readonly CaptureFile[],
  zipPath: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<ZipReport> {
  const { signal } = options;
  try {
    signal?.throwIfAborted();
    const problem = pathProblem(files.map(({ path }) => path));
    if (problem !== undefined) throw new VaultError("INVALID", `Could not zip ${zipPath}: ${problem}.`);
    return await replaceFile(zipPath, async (handle) => {
      const bytes = await writeArchive(files, handle, signal);
      const report = { bytes, sha256: await sha256(handle, bytes, zipPath, signal) };
      signal?.throwIfAborted();
      return report;
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw diskError(`zip ${zipPath}`, cause);
  }
}

/** @returns the bytes of the archive */
async function writeArchive(files: readonly CaptureFile[], handle: FileHandle, signal?: AbortSignal): Promise<number> {
  const out = new Output(handle);
  const entries = await writeEntries(files, out, signal);
  const start = out.position;
  for (const entry of entries) await out.write(centralHeader(entry));
  await out.write(endRecords(entries.length, out.position - start, start));
  await out.flush();
  return out.position;
}

async function writeEntries(files: readonly CaptureFile[], out: Output, signal?: AbortSignal): Promise<ZipEntry[]> {
  const entries: ZipEntry[] = [];
  const begun: (Promise<Whole> | undefined)[] = [];
  for (const [index, file] of files.entries()) {
    while (begun.length < Math.min(files.length, index + LOOK_AHEAD)) begun.push(begin(files[begun.length]));
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

/** Starts to deflate a small file. A rejection stays handled until the result is awaited. */
function begin(file: CaptureFile | undefined): Promise<Whole> | undefined {
  if (file === undefined || file.size > WHOLE_BYTES) return undefined;
  const whole = (async () => {
    const bytes = file.size === 0 ? Buffer.alloc(0) : await readPart(file, 0, file.size);
    return { crc: crc32(bytes), deflated: await deflate(bytes, { level: LEVEL }) };
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

/** Writes the header twice: first with zeros, and again when the checksum and the size are known. */
async function writeLarge(file: CaptureFile, out: Output, signal?: AbortSignal): Promise<ZipEntry> {
  const zip64 = file.size > ZIP64_BYTES;
  const offset = out.position;
  const placeholder = localHeader(newEntry(file, 0, 0, offset), zip64);
  await out.write(placeholder);
  let crc = 0;
  async function* content(): AsyncGenerator<Buffer> {
    for (let at = 0; at < file.size; at += READ_BYTES) {
      const bytes = await readPart(file, at, Math.min(READ_BYTES, file.size - at));
      crc = crc32(bytes, crc);
      yield bytes;
    }
  }
  await flow(content(), createDeflateRaw({ level: LEVEL }), (chunk) => out.write(chunk), signal);
  const entry = newEntry(file, crc, out.position - offset - placeholder.length, offset);
  await out.rewrite(localHeader(entry, zip64), offset);
  return entry;
}

function newEntry(file: CaptureFile, crc: number, compressedSize: number, offset: number): ZipEntry {
  return { path: file.path, method: methods.deflated, crc, compressedSize, size: file.size, offset };
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
    if (this.#pendingBytes >= READ_BYTES) await this.flush();
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

async function sha256(handle: FileHandle, size: number, path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < size; at += READ_BYTES) {
    signal?.throwIfAborted();
    hash.update(await readExactly(handle, at, Math.min(READ_BYTES, size - at), path));
  }
  return hash.digest("hex");
}
