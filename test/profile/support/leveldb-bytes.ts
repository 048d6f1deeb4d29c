import { crc32c, maskCrc } from "../../../lib/profile/leveldb/crc32c.ts";

const BLOCK_BYTES = 32_768;

/**
 * The bytes of a log or manifest that holds `records`, as LevelDB's writer lays them out.
 * @param from bytes that the file has before. @default 0
 */
export function logBytes(records: readonly Buffer[], from = 0): Buffer {
  const parts: Buffer[] = [];
  let at = from;
  const add = (bytes: Buffer): void => {
    parts.push(bytes);
    at += bytes.length;
  };
  for (const record of records) {
    for (let done = 0, isFirst = true; isFirst || done < record.length; isFirst = false) {
      let left = BLOCK_BYTES - (at % BLOCK_BYTES);
      if (left < 7) {
        add(Buffer.alloc(left));
        left = BLOCK_BYTES;
      }
      const piece = record.subarray(done, done + left - 7);
      done += piece.length;
      const isLast = done === record.length;
      const type = isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3;
      add(fragment(type, piece));
      if (isLast) break;
    }
  }
  return Buffer.concat(parts);
}

function fragment(type: number, data: Buffer): Buffer {
  const bytes = Buffer.alloc(7 + data.length);
  bytes.writeUInt16LE(data.length, 4);
  bytes[6] = type;
  data.copy(bytes, 7);
  bytes.writeUInt32LE(maskCrc(crc32c(bytes, 6)), 0);
  return bytes;
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

export function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** One record of a manifest. */
export interface Edit {
  comparator?: string;
  log?: number;
  previousLog?: number;
  next?: number;
  last?: number;
  deleted?: readonly (readonly [level: number, number: number])[];
  /** A first key is given without its 8 bytes of sequence and kind. */
  added?: readonly (readonly [level: number, number: number, size: number, firstKey?: string])[];
}

export function editBytes(edit: Edit): Buffer {
  const parts: Buffer[] = [];
  const field = (tag: number, ...values: Buffer[]): void => void parts.push(varint(tag), ...values);
  if (edit.comparator !== undefined) field(1, text(edit.comparator));
  if (edit.log !== undefined) field(2, varint(edit.log));
  if (edit.previousLog !== undefined) field(9, varint(edit.previousLog));
  if (edit.next !== undefined) field(3, varint(edit.next));
  if (edit.last !== undefined) field(4, varint(edit.last));
  for (const [level, number] of edit.deleted ?? []) field(6, varint(level), varint(number));
  for (const [level, number, size, firstKey] of edit.added ?? []) {
    const first = firstKey === undefined ? Buffer.from("a") : internalKey({ key: firstKey, sequence: 1, value: "" });
    field(7, varint(level), varint(number), varint(size), text(first), text("z"));
  }
  return Buffer.concat(parts);
}

/** A write batch: each entry a key with its value, or a key alone when it is deleted. */
export function batchBytes(sequence: number, entries: readonly (readonly [key: string, value?: string])[]): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(sequence), 0);
  head.writeUInt32LE(entries.length, 8);
  const parts = entries.map(([key, value]) =>
    value === undefined
      ? Buffer.concat([Buffer.from([0]), text(Buffer.from(key, "latin1"))])
      : Buffer.concat([Buffer.from([1]), text(Buffer.from(key, "latin1")), text(Buffer.from(value, "latin1"))]),
  );
  return Buffer.concat([head, ...parts]);
}

/** One entry of a table; without a value it is a deletion. */
export interface TableRow {
  key: string;
  sequence: number;
  value?: string;
}

/** A table of `rows` in key order, `perBlock` in each block. */
export function tableBytes(rows: readonly TableRow[], options: { perBlock?: number; snappy?: boolean } = {}): Buffer {
  const { perBlock = 4, snappy = false } = options;
  const parts: Buffer[] = [];
  let at = 0;
  const block = (content: Buffer): Buffer => {
    const body = snappy ? packed(content) : content;
    const bytes = Buffer.concat([body, Buffer.from([snappy ? 1 : 0]), Buffer.alloc(4)]);
    bytes.writeUInt32LE(maskCrc(crc32c(bytes, 0, body.length + 1)), body.length + 1);
    parts.push(bytes);
    const handle = Buffer.concat([varint(at), varint(body.length)]);
    at += bytes.length;
    return handle;
  };
  const index: [Buffer, Buffer][] = [];
  for (let i = 0; i < rows.length; i += perBlock) {
    const some = rows.slice(i, i + perBlock).map((row): [Buffer, Buffer] => [internalKey(row), contentOf(row)]);
    const last = (some.at(-1) as [Buffer, Buffer])[0];
    index.push([last, block(blockContent(some))]);
  }
  const metaindex = block(blockContent([]));
  const footer = Buffer.alloc(48);
  Buffer.concat([metaindex, block(blockContent(index, 1))]).copy(footer);
  Buffer.from("57fb808b247547db", "hex").copy(footer, 40);
  return Buffer.concat([...parts, footer]);
}

function internalKey({ key, sequence, value }: TableRow): Buffer {
  const tag = Buffer.alloc(8);
  tag.writeBigUInt64LE((BigInt(sequence) << 8n) | (value === undefined ? 0n : 1n));
  return Buffer.concat([Buffer.from(key, "latin1"), tag]);
}

function contentOf({ value }: TableRow): Buffer {
  return Buffer.from(value ?? "", "latin1");
}

/** @param restartEvery after so many entries one has its whole key. @default only the first has; LevelDB's indexes: each */
function blockContent(
  entries: readonly (readonly [Buffer, Buffer])[],
  restartEvery = Number.POSITIVE_INFINITY,
): Buffer {
  const parts: Buffer[] = [];
  const restartsAt: number[] = [];
  let before: Buffer = Buffer.alloc(0);
  for (const [index, [key, value]] of entries.entries()) {
    const restarts = index === 0 || index % restartEvery === 0;
    if (restarts) restartsAt.push(parts.reduce((sum, { length }) => sum + length, 0));
    let shared = 0;
    while (!restarts && shared < key.length && shared < before.length && key[shared] === before[shared]) shared++;
    parts.push(varint(shared), varint(key.length - shared), varint(value.length), key.subarray(shared), value);
    before = key;
  }
  const tail = Buffer.alloc(4 * Math.max(1, restartsAt.length) + 4);
  for (const [index, at] of restartsAt.entries()) tail.writeUInt32LE(at, 4 * index);
  tail.writeUInt32LE(Math.max(1, restartsAt.length), tail.length - 4);
  return Buffer.concat([...parts, tail]);
}

/** A Snappy block of literals only. */
function packed(bytes: Buffer): Buffer {
  const parts = [varint(bytes.length)];
  for (let at = 0; at < bytes.length; at += 60) {
    const piece = bytes.subarray(at, at + 60);
    parts.push(Buffer.from([(piece.length - 1) << 2]), piece);
  }
  return Buffer.concat(parts);
}

/** A small database with two tables and two logs; the entries of the older log are being written to a table. */
export function smallLevelDb(): Map<string, Buffer> {
  const rows = (from: number, count: number): TableRow[] =>
    Array.from({ length: count }, (_, i) => ({
      key: `key-${String(from + i).padStart(4, "0")}`,
      sequence: from + i,
      value: `value ${from + i} `.repeat(3),
    }));
  const older = tableBytes(rows(1, 20));
  const newer = tableBytes(rows(21, 10), { snappy: true });
  return new Map([
    ["CURRENT", Buffer.from("MANIFEST-000001\n")],
    ["LOCK", Buffer.alloc(0)],
    ["LOG", Buffer.from("words")],
    [
      "MANIFEST-000001",
      logBytes([
        editBytes({ comparator: "leveldb.BytewiseComparator", log: 0, next: 2, last: 0 }),
        editBytes({ log: 3, next: 4, last: 0 }),
        editBytes({ log: 6, next: 7, last: 20, added: [[0, 5, older.length]] }),
        editBytes({
          log: 9,
          previousLog: 0,
          next: 10,
          last: 30,
          deleted: [[0, 5]],
          added: [
            [1, 5, older.length],
            [0, 8, newer.length],
          ],
        }),
      ]),
    ],
    ["000005.ldb", older],
    ["000008.ldb", newer],
    [
      "000009.log",
      logBytes([batchBytes(31, [["key-0001", "new"], ["key-0002"]]), batchBytes(33, [["key-0040", "x".repeat(300)]])]),
    ],
    ["000010.log", logBytes([batchBytes(34, [["key-0041", "y"]]), batchBytes(35, [["key-0042", "z".repeat(100)]])])],
  ]);
}
