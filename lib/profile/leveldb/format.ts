// LevelDB's own db/version_edit.cc and db/write_batch.cc.

/** Decodes the numbers and strings of LevelDB's encodings. Each method throws a `RangeError` past the end. */
export class Decoder {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new RangeError("ends too early");
    return value;
  }

  /** A varint. One of more than 53 bits is refused: no LevelDB holds numbers that large. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
    }
    throw new RangeError("a number is too large");
  }

  string(): Buffer {
    const length = this.skipString();
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** @returns the length of the string */
  skipString(): number {
    const length = this.varint();
    if (this.at + length > this.bytes.length) throw new RangeError("ends too early");
    this.at += length;
    return length;
  }
}

/** One table of a version edit. */
export interface TableEntry {
  readonly level: number;
  readonly number: number;
  readonly size: number;
  /** Its first key, as its writer knows it: without the 8 bytes of sequence and kind. */
  readonly firstKey: Buffer;
}

/** One record of a manifest. */
export interface VersionEdit {
  comparator?: string;
  logNumber?: number;
  prevLogNumber?: number;
  nextFile?: number;
  lastSequence?: number;
  readonly deleted: Pick<TableEntry, "level" | "number">[];
  readonly added: TableEntry[];
}

/** @throws RangeError when `bytes` are not a version edit */
export function decodeVersionEdit(bytes: Buffer): VersionEdit {
  const edit: VersionEdit = { deleted: [], added: [] };
  const input = new Decoder(bytes);
  while (!input.done) {
    const tag = input.varint();
    if (tag === 1) edit.comparator = input.string().toString("latin1");
    else if (tag === 2) edit.logNumber = input.varint();
    else if (tag === 3) edit.nextFile = input.varint();
    else if (tag === 4) edit.lastSequence = input.varint();
    else if (tag === 9) edit.prevLogNumber = input.varint();
    else if (tag === 5) {
      decodeLevel(input);
      input.string();
    } else if (tag === 6) edit.deleted.push({ level: decodeLevel(input), number: input.varint() });
    else if (tag === 7) {
      const facts = { level: decodeLevel(input), number: input.varint(), size: input.varint() };
      edit.added.push({ ...facts, firstKey: input.string().subarray(0, -8) });
      input.string();
    } else throw new RangeError(`unknown field ${tag}`);
  }
  return edit;
}

function decodeLevel(input: Decoder): number {
  const level = input.varint();
  if (level >= 7) throw new RangeError(`there is no level ${level}`);
  return level;
}

/**
 * Decodes a write batch, one record of a log.
 * @param onEntry called with each key, its value, and its sequence number; the value of a deletion is `undefined`
 * @returns the sequence number of the first entry, and the number of entries
 * @throws RangeError when `bytes` are not a write batch
 */
export function decodeBatch(
  bytes: Buffer,
  onEntry?: (key: Buffer, value: Buffer | undefined, sequence: number) => void,
): { sequence: number; count: number } {
  if (bytes.length < 12) throw new RangeError("a write batch is too short");
  const sequence = Number(bytes.readBigUInt64LE(0));
  const count = bytes.readUInt32LE(8);
  const input = new Decoder(bytes, 12);
  let entries = 0;
  for (; !input.done; entries++) {
    const kind = input.byte();
    if (kind > 1) throw new RangeError(`unknown entry ${kind} in a write batch`);
    if (onEntry === undefined) {
      for (let strings = 0; strings <= kind; strings++) input.skipString();
    } else {
      const key = input.string();
      onEntry(key, kind === 1 ? input.string() : undefined, sequence + entries);
    }
  }
  if (entries !== count) throw new RangeError(`a write batch holds ${entries} entries and says ${count}`);
  return { sequence, count };
}
