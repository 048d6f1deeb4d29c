/**
 * The records of the zip format that this package writes (PKWARE's APPNOTE.TXT, 4.3 and 4.5).
 *
 * Sizes and checksums are in the local header, before the data. With a data descriptor after the data, a stream reader
 * would look for the descriptor's signature `PK\7\8` in the compressed bytes, and a profile may well contain those four
 * bytes (a received document may be a zip itself): such an entry would end early for that reader.
 */
export const signatures: Record<"local" | "central" | "end" | "end64" | "locator64", number> = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
};

/** Bytes of each record before its variable parts. */
export const recordBytes: Record<keyof typeof signatures, number> = {
  local: 30,
  central: 46,
  end: 22,
  end64: 56,
  locator64: 20,
};

/** Compression methods that are read; `deflated` is the one that is written. */
export const methods: Record<"stored" | "deflated", number> = { stored: 0, deflated: 8 };

/** "Look in the zip64 field", in a 16-bit and in a 32-bit field. */
const full16 = 0xffff;
const full32 = 0xffffffff;

/** The record of one entry. Sizes and offsets are bytes. */
export interface ZipEntry {
  /** Name, `/` between segments; the name of a directory ends with `/`. */
  readonly path: string;
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Position of the entry's local header. */
  readonly offset: number;
}

const utf8Names = 0x0800;
const version = 45;
const madeByUnix = (3 << 8) | version;
const regularFile = 0o100600;
// 1980-01-01, the format's first day: equal files make equal archives.
const firstDay = 0x0021;
const zip64Tag = 0x0001;

/** The record before an entry's data. Its length depends on the path and on `zip64` alone. */
export function localHeader(entry: ZipEntry, zip64: boolean): Buffer {
  const name = Buffer.from(entry.path);
  const extra = zip64 ? zip64Field([entry.size, entry.compressedSize]) : Buffer.alloc(0);
  const header = Buffer.alloc(recordBytes.local);
  header.writeUInt32LE(signatures.local, 0);
  header.writeUInt16LE(version, 4);
  writeCommon(header, 6, entry, zip64, name.length, extra.length);
  return Buffer.concat([header, name, extra]);
}

/** The record of an entry in the central directory. */
export function centralHeader(entry: ZipEntry): Buffer {
  const name = Buffer.from(entry.path);
  const sizes64 = entry.size >= full32 || entry.compressedSize >= full32;
  const offset64 = entry.offset >= full32;
  const wide = [...(sizes64 ? [entry.size, entry.compressedSize] : []), ...(offset64 ? [entry.offset] : [])];
  const extra = wide.length > 0 ? zip64Field(wide) : Buffer.alloc(0);
  const header = Buffer.alloc(recordBytes.central);
  header.writeUInt32LE(signatures.central, 0);
  header.writeUInt16LE(madeByUnix, 4);
  header.writeUInt16LE(version, 6);
  writeCommon(header, 8, entry, sizes64, name.length, extra.length);
  header.writeUInt32LE(regularFile * 0x10000, 38);
  header.writeUInt32LE(offset64 ? full32 : entry.offset, 42);
  return Buffer.concat([header, name, extra]);
}

/** The records that end an archive whose central directory is `length` bytes at `offset`. */
export function endRecords(entries: number, length: number, offset: number): Buffer {
  const zip64 = entries >= full16 || length >= full32 || offset >= full32;
  const end = Buffer.alloc(recordBytes.end);
  end.writeUInt32LE(signatures.end, 0);
  end.writeUInt16LE(zip64 ? full16 : entries, 8);
  end.writeUInt16LE(zip64 ? full16 : entries, 10);
  end.writeUInt32LE(zip64 ? full32 : length, 12);
  end.writeUInt32LE(zip64 ? full32 : offset, 16);
  if (!zip64) return end;

  const end64 = Buffer.alloc(recordBytes.end64);
  end64.writeUInt32LE(signatures.end64, 0);
  end64.writeBigUInt64LE(BigInt(recordBytes.end64 - 12), 4);
  end64.writeUInt16LE(madeByUnix, 12);
  end64.writeUInt16LE(version, 14);
  end64.writeBigUInt64LE(BigInt(entries), 24);
  end64.writeBigUInt64LE(BigInt(entries), 32);
  end64.writeBigUInt64LE(BigInt(length), 40);
  end64.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(recordBytes.locator64);
  locator.writeUInt32LE(signatures.locator64, 0);
  locator.writeBigUInt64LE(BigInt(offset + length), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([end64, locator, end]);
}

/** The fields that both headers have in the same order, from the flags to the length of the extra field. */
function writeCommon(header: Buffer, at: number, entry: ZipEntry, wide: boolean, name: number, extra: number): void {
  header.writeUInt16LE(utf8Names, at);
  header.writeUInt16LE(entry.method, at + 2);
  header.writeUInt16LE(firstDay, at + 6);
  header.writeUInt32LE(entry.crc, at + 8);
  header.writeUInt32LE(wide ? full32 : entry.compressedSize, at + 12);
  header.writeUInt32LE(wide ? full32 : entry.size, at + 16);
  header.writeUInt16LE(name, at + 20);
  header.writeUInt16LE(extra, at + 22);
}

function zip64Field(values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + values.length * 8);
  field.writeUInt16LE(zip64Tag, 0);
  field.writeUInt16LE(values.length * 8, 2);
  values.forEach((value, index) => {
    field.writeBigUInt64LE(BigInt(value), 4 + index * 8);
  });
  return field;
}
