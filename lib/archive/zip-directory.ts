import type { FileHandle } from "node:fs/promises";
import { VaultError } from "../errors.ts";
import { EntryPaths } from "./entry-path.ts";
import { full16, full32, methods, recordBytes, signatures, type ZipEntry, zip64Values } from "./zip-format.ts";

/** The largest central directory that is read: a million entries. */
const maxDirectoryBytes = 64 * 1024 * 1024;
const maxCommentBytes = 0xffff;
/** What is unpacked may have this many bytes for each byte of the zip, and a gibibyte besides. Profiles have 1 to 4. */
const maxRatio = 100;
const freeBytes = 1024 ** 3;

const encrypted = 0x0001;
const typeMask = 0o170000;
const fileTypes: readonly number[] = [0, 0o100000, 0o040000];
const unix = 3;

/** An entry, and what its local header has to repeat. */
export interface DirectoryEntry extends ZipEntry {
  readonly directory: boolean;
}

/**
 * Reads an archive's central directory and judges it as a whole, before a byte is unpacked.
 * @throws `CORRUPT` when it is not whole; `INVALID` when it is, and is not to be unpacked: unsafe or clashing names,
 *   links, encryption, other compressions, a bomb.
 */
export async function readDirectory(handle: FileHandle): Promise<readonly DirectoryEntry[]> {
  const { size } = await handle.stat();
  if (size === 0) throw corrupt("it is empty (0 bytes)");
  const { entries: count, length, offset } = await findEnd(handle, size);
  const bytes = await readAt(handle, offset, length);
  const entries: DirectoryEntry[] = [];
  let at = 0;
  for (let index = 0; index < count; index++) {
    const { entry, next } = readEntry(bytes, at);
    entries.push(entry);
    at = next;
  }
  if (at !== length) throw corrupt(`its directory has ${length - at} bytes too many`);
  checkNames(entries);
  checkPlaces(entries, offset);
  checkTotal(entries, size);
  return entries;
}

interface End {
  readonly entries: number;
  readonly length: number;
  readonly offset: number;
}

/** Finds the end record: the last one whose comment ends with the file. */
async function findEnd(handle: FileHandle, size: number): Promise<End> {
  const tailBytes = Math.min(size, recordBytes.end + maxCommentBytes + recordBytes.locator64);
  const tail = await readAt(handle, size - tailBytes, tailBytes);
  for (let at = tail.length - recordBytes.end; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== signatures.end) continue;
    if (at + recordBytes.end + tail.readUInt16LE(at + 20) !== tail.length) continue;
    const position = size - tailBytes + at;
    const end = readEnd(tail.subarray(at));
    const wide = end.entries === full16 || end.length === full32 || end.offset === full32;
    return checkEnd(wide ? await readEnd64(handle, position) : { ...end, position });
  }
  throw corrupt("it has no end record: it was cut short or is not a zip");
}

function readEnd(record: Buffer): End {
  const entries = record.readUInt16LE(10);
  if (record.readUInt32LE(4) !== 0 || record.readUInt16LE(8) !== entries) throw corrupt("it is a part of several");
  return { entries, length: record.readUInt32LE(12), offset: record.readUInt32LE(16) };
}

async function readEnd64(handle: FileHandle, endPosition: number): Promise<End & { position: number }> {
  const locatorAt = endPosition - recordBytes.locator64;
  if (locatorAt < 0) throw corrupt("its zip64 locator is missing");
  const locator = await readAt(handle, locatorAt, recordBytes.locator64);
  const position = Number(locator.readBigUInt64LE(8));
  if (locator.readUInt32LE(0) !== signatures.locator64 || position > locatorAt - recordBytes.end64) {
    throw corrupt("its zip64 locator is wrong");
  }
  const record = await readAt(handle, position, recordBytes.end64);
  if (record.readUInt32LE(0) !== signatures.end64) throw corrupt("its zip64 end record is wrong");
  const entries = Number(record.readBigUInt64LE(32));
  if (
    record.readUInt32LE(16) !== 0 ||
    record.readUInt32LE(20) !== 0 ||
    Number(record.readBigUInt64LE(24)) !== entries
  ) {
    throw corrupt("it is a part of several");
  }
  const length = Number(record.readBigUInt64LE(40));
  return { entries, length, offset: Number(record.readBigUInt64LE(48)), position };
}

function checkEnd(end: End & { position: number }): End {
  if (end.offset + end.length !== end.position) throw corrupt("its directory is not where its end record says");
  if (end.entries * recordBytes.central > end.length) throw corrupt("its directory has no room for its entries");
  if (end.length > maxDirectoryBytes) throw refused(`its directory has ${end.length} bytes`);
  return end;
}

function readEntry(bytes: Buffer, at: number): { entry: DirectoryEntry; next: number } {
  if (at + recordBytes.central > bytes.length) throw corrupt("its directory ends early");
  if (bytes.readUInt32LE(at) !== signatures.central) throw corrupt("its directory is damaged");
  const nameAt = at + recordBytes.central;
  const extraAt = nameAt + bytes.readUInt16LE(at + 28);
  const commentAt = extraAt + bytes.readUInt16LE(at + 30);
  const next = commentAt + bytes.readUInt16LE(at + 32);
  if (next > bytes.length) throw corrupt("its directory ends early");
  const path = bytes.toString("utf8", nameAt, extraAt);
  const flags = bytes.readUInt16LE(at + 8);
  const method = bytes.readUInt16LE(at + 10);
  if (flags & encrypted) throw refused(`${JSON.stringify(path)} is encrypted`);
  if (method !== methods.stored && method !== methods.deflated) {
    throw refused(`${JSON.stringify(path)} is compressed by method ${method}`);
  }
  const attributes = bytes.readUInt32LE(at + 38);
  const type = bytes.readUInt8(at + 5) === unix ? (attributes >>> 16) & typeMask : 0;
  if (!fileTypes.includes(type)) throw refused(`${JSON.stringify(path)} is a link or a device`);

  const wide = [...zip64Values(bytes.subarray(extraAt, commentAt))];
  const value = (narrow: number): number => (narrow === full32 ? (wide.shift() ?? narrow) : narrow);
  const size = value(bytes.readUInt32LE(at + 24));
  const compressedSize = value(bytes.readUInt32LE(at + 20));
  const offset = value(bytes.readUInt32LE(at + 42));
  if (method === methods.stored && size !== compressedSize) {
    throw corrupt(`${JSON.stringify(path)} has two sizes`);
  }
  const directory = path.endsWith("/");
  if (directory && size !== 0) throw refused(`${JSON.stringify(path)} is a directory with content`);
  return {
    entry: { path, method, crc: bytes.readUInt32LE(at + 16), compressedSize, size, offset, directory },
    next,
  };
}

function checkNames(entries: readonly DirectoryEntry[]): void {
  const names = new EntryPaths();
  for (const entry of entries) names.add(entry.path);
}

/** No two entries share bytes: that is how a small archive holds petabytes. */
function checkPlaces(entries: readonly DirectoryEntry[], limit: number): void {
  let end = 0;
  for (const entry of entries.toSorted((a, b) => a.offset - b.offset)) {
    if (entry.offset < end) throw corrupt(`${JSON.stringify(entry.path)} overlaps another entry`);
    end = entry.offset + recordBytes.local + Buffer.byteLength(entry.path) + entry.compressedSize;
    if (end > limit) throw corrupt(`${JSON.stringify(entry.path)} ends after the data`);
  }
}

function checkTotal(entries: readonly DirectoryEntry[], zipBytes: number): void {
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (total > freeBytes + maxRatio * zipBytes) {
    throw refused(`it would unpack ${total} bytes from ${zipBytes}`);
  }
}

/** Exactly `length` bytes. @throws `CORRUPT` when the file ends before. */
export async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw corrupt(`it ends at byte ${position + done}`);
    done += bytesRead;
  }
  return bytes;
}

export function corrupt(why: string): VaultError {
  return new VaultError("CORRUPT", `the zip is damaged: ${why}`);
}

function refused(why: string): VaultError {
  return new VaultError("INVALID", `the zip is refused: ${why}`);
}
