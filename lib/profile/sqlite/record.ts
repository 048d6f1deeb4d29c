// SQLite's own fileformat2.html, "Record Format".

/** A value of a row; numbers too large for a JavaScript one are rounded. */
export type SqliteValue = null | number | string | Buffer;

/** Decodes a row. @throws RangeError when it is malformed. */
export function decodeRecord(payload: Buffer): SqliteValue[] {
  const header = readVarint(payload, 0);
  if (header.value > payload.length) throw new RangeError("a row is malformed");
  const row: SqliteValue[] = [];
  let at = header.value;
  for (let next = header.next; next < header.value; ) {
    const type = readVarint(payload, next);
    next = type.next;
    const size = sizeOfType(type.value);
    if (at + size > payload.length) throw new RangeError("a row is malformed");
    row.push(decodeValue(payload.subarray(at, at + size), type.value));
    at += size;
  }
  return row;
}

/**
 * Whether the columns of a row fill it exactly. A row whose header goes on in another page counts as a record.
 * @param local the bytes of the row that lie in its own page
 * @param size of the whole row, in bytes
 */
export function isRecord(local: Buffer, size: number): boolean {
  const header = readVarint(local, 0);
  if (header.value < 1 || header.value > size) return false;
  if (header.value > local.length) return true;
  let total = header.value;
  for (let next = header.next; next < header.value; ) {
    const type = readVarint(local, next);
    if (type.value === 10 || type.value === 11) return false;
    total += sizeOfType(type.value);
    next = type.next;
  }
  return total === size;
}

function sizeOfType(type: number): number {
  if (type >= 12) return Math.floor((type - 12) / 2);
  return [0, 1, 2, 3, 4, 6, 8, 8, 0, 0][type] ?? 0;
}

function decodeValue(bytes: Buffer, type: number): SqliteValue {
  if (type === 0) return null;
  if (type === 8 || type === 9) return type - 8;
  if (type === 7) return bytes.readDoubleBE(0);
  if (type === 6) return Number(bytes.readBigInt64BE(0));
  if (type < 12) return bytes.readIntBE(0, bytes.length);
  return type % 2 === 0 ? bytes : bytes.toString("utf8");
}

/** @throws RangeError past the end of `bytes` */
export function readVarint(bytes: Buffer, at: number): { value: number; next: number } {
  let value = 0;
  for (let i = 0; ; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw new RangeError("a number runs past its page");
    // The ninth byte is the last one, and all of its bits count.
    if (i === 8) return { value: value * 256 + byte, next: at + 9 };
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
}
