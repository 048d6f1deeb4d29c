import type { FileHandle } from "node:fs/promises";
import { readExactly } from "../disk/file-source.ts";
import { damaged, HINTS, refused } from "./errors.ts";
import { recordBytes, signatures } from "./zip-format.ts";

/** The archive in its file, and its central directory. */
export interface ZipEnd {
  /** Position in the file of the archive's first byte; bytes before it belong to no entry. */
  readonly start: number;
  /** Bytes of the archive, its comment included; bytes behind them belong to nobody. */
  readonly size: number;
  /** Position of the central directory in the archive. */
  readonly offset: number;
  /** Bytes of the central directory. */
  readonly length: number;
  /** Entries of the central directory. */
  readonly entries: number;
}

/** How many bytes may stand behind an archive: some stores and transfers pad files, editors add a line end. */
const MAX_TAIL_BYTES = 1024 * 1024;
const MAX_COMMENT_BYTES = 0xffff;
/** "Look in the zip64 record", in a 16-bit field. */
const FULL_16 = 0xffff;
/** The first bytes of the first of several files that one archive was split into. */
const SPLIT = "PK\x07\x08";
/** The first bytes of archives that people take for zips. */
const OTHER_FORMATS: readonly (readonly [string, string])[] = [
  ["7z\xbc\xaf", "an archive of 7-Zip"],
  ["Rar!", "an archive of RAR"],
  ["\x1f\x8b", "compressed by gzip"],
  ["BZh", "compressed by bzip2"],
  ["\xfd7zX", "compressed by xz"],
  ["\x28\xb5\x2f\xfd", "compressed by zstd"],
];

/**
 * Finds an archive in its file as Info-ZIP does: its last end record tells where it begins, so bytes before the archive (a
 * program that unpacks it) and behind it (a line end, padding) are passed over. Unlike Info-ZIP, it takes no archive that
 * another one begins before or behind: that other one is cut short, and a document within it may be a zip of its own.
 * @param path the archive's path in errors
 * @param size bytes of the file
 * @throws `CORRUPT` when the archive is cut short or damaged; `INVALID` when it is one part of several
 */
export async function findEnd(handle: FileHandle, path: string, size: number): Promise<ZipEnd> {
  if (size === 0) throw damaged(path, "it is empty (0 bytes)");
  const tailBytes = Math.min(size, MAX_TAIL_BYTES + MAX_COMMENT_BYTES + recordBytes.end);
  const tail = await readExactly(handle, size - tailBytes, tailBytes, path);
  const first = (await readExactly(handle, 0, Math.min(size, 4), path)).toString("latin1");
  const at = tail.length < recordBytes.end ? -1 : tail.lastIndexOf(mark(signatures.end), tail.length - recordBytes.end);
  if (at < 0) {
    if (first === SPLIT) throw inParts(path);
    const other = OTHER_FORMATS.find(([start]) => first.startsWith(start))?.[1];
    if (other !== undefined) throw refused(path, `it is no zip, but ${other}`, HINTS.format);
    throw damaged(path, "its end is missing: it is cut short, or no zip");
  }
  const commentBytes = tail.readUInt16LE(at + 20);
  const behind = at + recordBytes.end + commentBytes;
  if (behind > tail.length) throw damaged(path, "its comment is cut short");
  const rest = tail.subarray(behind);
  if ([signatures.local, signatures.central, signatures.end].some((signature) => rest.includes(mark(signature)))) {
    throw damaged(path, "another archive begins behind it, and is cut short");
  }

  const endAt = size - tailBytes + at;
  const found = await readRecords(handle, path, endAt, tail.subarray(at));
  const start = found.at - found.offset - found.length;
  if (start < 0) throw damaged(path, "its directory is not where its end record says");
  // A position of the directory that is counted from the beginning of the file fits no archive within it.
  if (start > 0 && first === mark(signatures.local).toString("latin1")) {
    throw damaged(path, "its directory is not where its end record says");
  }
  const { offset, length, entries } = found;
  if (entries * recordBytes.central > length) throw damaged(path, "its directory has no room for its entries");
  return { start, size: endAt + recordBytes.end + commentBytes - start, offset, length, entries };
}

interface Records extends Pick<ZipEnd, "offset" | "length" | "entries"> {
  /** Position in the file of the record behind the directory. */
  readonly at: number;
}

/** @param end the end record, which begins at `endAt` */
async function readRecords(handle: FileHandle, path: string, endAt: number, end: Buffer): Promise<Records> {
  const [disk, firstDisk] = [end.readUInt16LE(4), end.readUInt16LE(6)];
  const [onThisDisk, entries] = [end.readUInt16LE(8), end.readUInt16LE(10)];
  const locatorAt = endAt - recordBytes.locator64;
  const locator = locatorAt < 0 ? undefined : await readExactly(handle, locatorAt, recordBytes.locator64, path);
  const isWide = locator?.readUInt32LE(0) === signatures.locator64;
  const isSet = (value: number): boolean => value !== 0 && !(isWide && value === FULL_16);
  if (isSet(disk) || (isWide && locator.readUInt32LE(16) > 1)) throw inParts(path);
  if (isSet(firstDisk) || onThisDisk !== entries) throw damaged(path, "its end record contradicts itself");
  if (!isWide) return { at: endAt, offset: end.readUInt32LE(16), length: end.readUInt32LE(12), entries };
  return await readWide(handle, path, locatorAt, locator.readBigUInt64LE(8));
}

/** Reads the zip64 end record. @param position where it is in the archive, as its locator says */
async function readWide(handle: FileHandle, path: string, locatorAt: number, position: bigint): Promise<Records> {
  // Where bytes stand before the archive, the record is not at that position of the file, but before its locator.
  for (const at of [Number(position), locatorAt - recordBytes.end64]) {
    if (at < 0 || at > locatorAt - recordBytes.end64) continue;
    const record = await readExactly(handle, at, recordBytes.end64, path);
    const field = (place: number): number => Number(record.readBigUInt64LE(place));
    if (record.readUInt32LE(0) !== signatures.end64 || at + 12 + field(4) !== locatorAt) continue;
    if (record.readUInt32LE(16) !== 0) throw inParts(path);
    const [onThisDisk, entries, length, offset] = [field(24), field(32), field(40), field(48)];
    if (record.readUInt32LE(20) !== 0 || onThisDisk !== entries)
      throw damaged(path, "its end record contradicts itself");
    if (offset + length !== Number(position)) throw damaged(path, "its directory is not where its end record says");
    return { at, offset, length, entries };
  }
  throw damaged(path, "its zip64 locator is wrong");
}

function inParts(path: string): Error {
  return refused(path, "it is one part of several", HINTS.parts);
}

function mark(signature: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(signature);
  return bytes;
}
