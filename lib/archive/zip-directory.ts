import type { FileHandle } from "node:fs/promises";
import { Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from "yauzl";
import { codeOf } from "../disk/errors.ts";
import { readExactly } from "../disk/file-source.ts";
import { SafePaths } from "../disk/safe-paths.ts";
import { damaged, refused } from "./errors.ts";
import { methods, recordBytes, signatures, type ZipEntry } from "./zip-format.ts";

/** The largest central directory that is read: a million entries. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** The files may have this many bytes for each byte of the zip, and a gibibyte besides. Profiles have 1 to 4. */
const MAX_RATIO = 100;
const FREE_BYTES = 1024 ** 3;

const ENCRYPTED = 0x0001;
const TYPE_MASK = 0o170000;
const FILE_TYPES: readonly number[] = [0, 0o100000, 0o040000];
const UNIX = 3;

export interface DirectoryEntry extends ZipEntry {
  readonly directory: boolean;
}

/** The checked central directory of an archive. */
export interface ZipDirectory {
  readonly entries: readonly DirectoryEntry[];
  /**
   * The position at which the entry's data begins.
   * @throws `CORRUPT` when the entry's local header does not agree with the directory
   */
  dataStart(entry: DirectoryEntry): Promise<number>;
}

/**
 * Reads the central directory of an archive, and checks all of it before a byte is unpacked.
 * @param zipPath the archive's path in errors
 * @throws `CORRUPT` when the archive is damaged; `INVALID` when it is whole but unsafe to unpack: unsafe or clashing
 *   names, links, encryption, other compressions, a bomb.
 */
export async function readDirectory(handle: FileHandle, zipPath: string): Promise<ZipDirectory> {
  const { size } = await handle.stat();
  if (size === 0) throw damaged(zipPath, "it is empty (0 bytes)");
  const reader = new ZipReader(handle, zipPath, size);
  try {
    const options = { autoClose: false, decodeStrings: false, validateEntrySizes: false };
    const zip = await fromRandomAccessReaderPromise(reader, size, options);
    const end = await readEnd(reader, zip.comment.length);
    const entries = await readEntries(reader, zip, end);
    checkNames(zipPath, entries);
    const limits = checkPlaces(zipPath, entries, end.offset);
    checkTotal(zipPath, entries, size);
    return { entries, dataStart: (entry) => readDataStart(zipPath, zip, entry, limits.get(entry) ?? 0) };
  } catch (cause) {
    throw failure(zipPath, cause);
  }
}

/**
 * The reader that yauzl uses. yauzl's own reader passes a position of 2^53 or more on to Node, whose exception then
 * ends the process.
 */
class ZipReader extends RandomAccessReader {
  readonly path: string;
  readonly size: number;
  readonly #handle: FileHandle;
  /** The bytes of the directory while it is read: yauzl reads two small parts of it for each entry. */
  directory: { readonly offset: number; readonly bytes: Buffer } | undefined;

  constructor(handle: FileHandle, path: string, size: number) {
    super();
    this.path = path;
    this.#handle = handle;
    this.size = size;
  }

  async bytes(position: number, length: number): Promise<Buffer> {
    if (!(position >= 0 && position + length <= this.size)) throw damaged(this.path, `it ends at byte ${this.size}`);
    return readExactly(this.#handle, position, length, this.path);
  }

  override read(into: Buffer, at: number, length: number, position: number, done: (err: Error | null) => void): void {
    const start = position - (this.directory?.offset ?? 0);
    if (this.directory && start >= 0 && start + length <= this.directory.bytes.length) {
      this.directory.bytes.copy(into, at, start, start + length);
      done(null);
      return;
    }
    const copied = this.bytes(position, length).then((bytes) => bytes.copy(into, at));
    copied.then(() => done(null), done);
  }
}

interface End {
  /** Bytes of the central directory. */
  readonly length: number;
  /** Position of the central directory. */
  readonly offset: number;
}

/** Reads the end record that yauzl has found: yauzl does not check that the directory ends where the record begins. */
async function readEnd(zip: ZipReader, commentBytes: number): Promise<End> {
  const endAt = zip.size - recordBytes.end - commentBytes;
  const record = await zip.bytes(endAt, recordBytes.end);
  let [at, length, offset] = [endAt, record.readUInt32LE(12), record.readUInt32LE(16)];
  let [disks, onThisDisk, entries] = [record.readUInt32LE(4), record.readUInt16LE(8), record.readUInt16LE(10)];
  const locatorAt = endAt - recordBytes.locator64;
  const locator = locatorAt < 0 ? undefined : await zip.bytes(locatorAt, recordBytes.locator64);
  // The same condition as in yauzl.
  if (locator?.readUInt32LE(0) === signatures.locator64) {
    if (disks !== 0 || onThisDisk !== entries) throw damaged(zip.path, "it is a part of several");
    at = Number(locator.readBigUInt64LE(8));
    if (at > locatorAt - recordBytes.end64) throw damaged(zip.path, "its zip64 locator is wrong");
    const wide = await zip.bytes(at, recordBytes.end64);
    const field = (position: number): number => Number(wide.readBigUInt64LE(position));
    disks = wide.readUInt32LE(16) + wide.readUInt32LE(20);
    [onThisDisk, entries, length, offset] = [field(24), field(32), field(40), field(48)];
  }
  if (disks !== 0 || onThisDisk !== entries) throw damaged(zip.path, "it is a part of several");
  if (offset + length !== at) throw damaged(zip.path, "its directory is not where its end record says");
  if (entries * recordBytes.central > length) throw damaged(zip.path, "its directory has no room for its entries");
  if (length > MAX_DIRECTORY_BYTES) throw refused(zip.path, `its directory has ${length} bytes`);
  return { length, offset };
}

async function readEntries(reader: ZipReader, zip: ZipFile, end: End): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  let bytes = 0;
  reader.directory = { offset: end.offset, bytes: await reader.bytes(end.offset, end.length) };
  for await (const entry of zip.eachEntry()) {
    bytes += recordBytes.central + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
    if (bytes > end.length) throw damaged(reader.path, "its directory ends early");
    entries.push(checkEntry(reader.path, entry));
  }
  reader.directory = undefined;
  if (bytes !== end.length) throw damaged(reader.path, `its directory has ${end.length - bytes} bytes too many`);
  return entries;
}

function checkEntry(zipPath: string, entry: Entry): DirectoryEntry {
  const path = entry.fileNameRaw.toString("utf8");
  const { compressionMethod: method, compressedSize, uncompressedSize: size } = entry;
  if (entry.generalPurposeBitFlag & ENCRYPTED) throw refused(zipPath, `${JSON.stringify(path)} is encrypted`);
  if (method !== methods.stored && method !== methods.deflated) {
    throw refused(zipPath, `${JSON.stringify(path)} is compressed by method ${method}`);
  }
  const type = entry.versionMadeBy >>> 8 === UNIX ? (entry.externalFileAttributes >>> 16) & TYPE_MASK : 0;
  if (!FILE_TYPES.includes(type)) throw refused(zipPath, `${JSON.stringify(path)} is a link or a device`);
  if (method === methods.stored && size !== compressedSize) {
    throw damaged(zipPath, `${JSON.stringify(path)} has two sizes`);
  }
  const directory = path.endsWith("/");
  if (directory && size !== 0) throw refused(zipPath, `${JSON.stringify(path)} is a directory with content`);
  const { crc32: crc, relativeOffsetOfLocalHeader: offset } = entry;
  return { path, method, crc, compressedSize, size, offset, directory };
}

function checkNames(zipPath: string, entries: readonly DirectoryEntry[]): void {
  const names = new SafePaths();
  for (const { path, directory } of entries) {
    const problem = names.add(directory ? path.slice(0, -1) : path, directory);
    if (problem !== undefined) throw refused(zipPath, problem);
  }
}

/**
 * Checks that no two entries share bytes, by which a small archive could unpack to petabytes.
 * @returns the position before which each entry must end
 */
function checkPlaces(zipPath: string, entries: readonly DirectoryEntry[], limit: number): Map<DirectoryEntry, number> {
  const limits = new Map<DirectoryEntry, number>();
  let next = limit;
  for (const entry of entries.toSorted((a, b) => b.offset - a.offset)) {
    const end = entry.offset + recordBytes.local + Buffer.byteLength(entry.path) + entry.compressedSize;
    if (end > limit) throw damaged(zipPath, `${JSON.stringify(entry.path)} ends after the data`);
    if (end > next) throw damaged(zipPath, `${JSON.stringify(entry.path)} overlaps another entry`);
    limits.set(entry, next);
    next = entry.offset;
  }
  return limits;
}

function checkTotal(zipPath: string, entries: readonly DirectoryEntry[], zipBytes: number): void {
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (total > FREE_BYTES + MAX_RATIO * zipBytes) {
    throw refused(zipPath, `it would unpack ${total} bytes from ${zipBytes}`);
  }
}

async function readDataStart(zipPath: string, zip: ZipFile, entry: DirectoryEntry, limit: number): Promise<number> {
  const { path, method, offset, compressedSize } = entry;
  const name = JSON.stringify(path);
  // An entry keeps only the fields that yauzl needs: a directory may have a million entries.
  const known = { relativeOffsetOfLocalHeader: offset, compressedSize, compressionMethod: method };
  const header = await zip.readLocalFileHeaderPromise(Object.assign(new Entry(), known)).catch((cause: unknown) => {
    throw failure(zipPath, cause, `${name}: `);
  });
  if (header.compressionMethod !== method) throw damaged(zipPath, `${name}: its header has another method`);
  if (header.fileName.toString("utf8") !== path) throw damaged(zipPath, `${name}: its header has another name`);
  if (header.fileDataStart + compressedSize > limit) throw damaged(zipPath, `${name} overlaps what comes after it`);
  return header.fileDataStart;
}

/** The `VaultError` for an error of yauzl, which is an `Error` without a code; any other error is returned as it is. */
function failure(zipPath: string, cause: unknown, where = ""): unknown {
  if (codeOf(cause) !== undefined || (cause as Error).name !== "Error") return cause;
  const why = `${where}${(cause as Error).message.replace(/\.$/, "")}`;
  return /strong encryption/.test(why) ? refused(zipPath, why) : damaged(zipPath, why, cause);
}
