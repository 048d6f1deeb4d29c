// SQLite's own fileformat2.html, "Record Format".

/** A value of a row; numbers too large for a JavaScript one are rounded. */
export type SqliteValue = null | number | string | Buffer;

/** Bytes of the values of each type below 12. */
const SIZES: readonly number[] = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

/** Decodes a row. @throws RangeError when it is malformed. */
export function decodeRecord(payload: Buffer): SqliteValue[] {
  const types = new Varints();
  types.begin(payload, 0);
  const headerBytes = types.next();
  if (headerBytes > payload.length) throw new RangeError("a row is malformed");
  const row: SqliteValue[] = [];
  for (let at = headerBytes; types.at < headerBytes; ) {
    const type = types.next();
    const size = sizeOfType(type);
    if (at + size > payload.length) throw new RangeError("a row is malformed");
    row.push(decodeValue(payload.subarray(at, at + size), type));
    at += size;
  }
  return row;
}

/**
 * Whether the columns of a row fill it exactly. A row whose header goes on in another page counts as a record.
 * @param from where the row begins in `bytes`
 * @param local the bytes of the row that lie in its own page
 * @param size of the whole row, in bytes
 */
export function isRecord(bytes: Buffer, from: number, local: number, size: number): boolean {
  columns.begin(bytes, from, from + local);
  const headerBytes = columns.next();
  if (headerBytes < 1 || headerBytes > size) return false;
  if (headerBytes > local) return true;
  let total = headerBytes;
  while (columns.at < from + headerBytes) {
    const type = columns.next();
    if (type === 10 || type === 11) return false;
    total += sizeOfType(type);
  }
  return total === size;
}

function sizeOfType(type: number): number {
  return type >= 12 ? Math.floor((type - 12) / 2) : (SIZES[type] ?? 0);
}

function decodeValue(bytes: Buffer, type: number): SqliteValue {
  if (type === 0) return null;
  if (type === 8 || type === 9) return type - 8;
  if (type === 7) return bytes.readDoubleBE(0);
  if (type === 6) return Number(bytes.readBigInt64BE(0));
  if (type < 12) return bytes.readIntBE(0, bytes.length);
  return type % 2 === 0 ? bytes : bytes.toString("utf8");
}

/** Reads SQLite's numbers one after the other, without an allocation for each. */
export class Varints {
  /** Position of the next number. */
  at = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #end = 0;

  /** @param end position that no number goes past */
  begin(bytes: Buffer, at: number, end: number = bytes.length): void {
    this.#bytes = bytes;
    this.at = at;
    this.#end = Math.min(end, bytes.length);
  }

  /** @throws RangeError past the end */
  next(): number {
    let value = 0;
    for (let i = 0; this.at < this.#end; i++) {
      const byte = this.#bytes[this.at++] as number;
      // The ninth byte is the last one, and all of its bits count.
      if (i === 8) return value * 256 + byte;
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) return value;
    }
    throw new RangeError("a number runs past its page");
  }
}

const columns = new Varints();
