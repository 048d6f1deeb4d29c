import type { FileSource } from "../../disk/file-source.ts";
import { type PieceSource, withBytes } from "../pieces.ts";
import { crc32c, maskCrc } from "./crc32c.ts";
import { Decoder } from "./format.ts";
import { unsnappy } from "./snappy.ts";

// LevelDB's own doc/table_format.md.
export const FOOTER_BYTES = 48;
export const TRAILER_BYTES = 5;
const MAGIC: Buffer = Buffer.from("57fb808b247547db", "hex");
const UNCOMPRESSED = 0;
const SNAPPY = 1;
/** Bytes that are read at once from the end of a table: they hold its footer, and most often its index. */
const TAIL_BYTES = 64 << 10;

/** Position and size of a block, without its trailer of a type byte and a checksum. */
export interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

/** Calls `work` with the table, whose last bytes are read already; they are valid until it has ended. */
export async function withTail<T>(table: PieceSource, work: (table: FileSource) => Promise<T>): Promise<T> {
  const from = Math.max(0, table.size - TAIL_BYTES);
  return await withBytes(table, { from, to: table.size }, async (tail) => {
    const read: FileSource["read"] = async (position, length) =>
      position < from ? await table.read(position, length) : tail.subarray(position - from, position - from + length);
    return await work({ size: table.size, read });
  });
}

/**
 * Calls `onEntry` with the entries of a table in key order, until it returns false. Keys are internal keys: the user's
 * key, then 8 bytes of `sequence << 8 | kind` (kind 1: a value, 0: a deletion). The bytes are valid during the call.
 * @param isBefore whether a key of the user comes before all that the caller looks for: blocks that end with such a key
 *   are not read
 * @throws RangeError when the table is damaged
 */
export async function readTable(
  source: PieceSource,
  onEntry: (key: Buffer, value: Buffer) => boolean,
  isBefore: (key: Buffer) => boolean = () => false,
): Promise<void> {
  await withTail(source, (table) => readEntries(table, onEntry, isBefore));
}

async function readEntries(
  table: FileSource,
  onEntry: (key: Buffer, value: Buffer) => boolean,
  isBefore: (key: Buffer) => boolean,
): Promise<void> {
  const { index } = await readFooter(table);
  const indexBlock = await readBlock(table, index);
  // Most callers need the first block alone: the index is walked once for it, and once for all others.
  for (const [from, to] of [
    [0, 1],
    [1, undefined],
  ] as const) {
    for (const handle of indexBlock ? handlesIn(indexBlock, table, to, isBefore).slice(from) : [undefined]) {
      const block = handle && (await readBlock(table, handle));
      if (block === undefined) throw new RangeError("it is compressed in a way that is not known");
      if (!eachEntry(block, onEntry)) return;
    }
  }
}

/** @throws RangeError when the table has no whole footer */
export async function readFooter(table: FileSource): Promise<{ metaindex: BlockHandle; index: BlockHandle }> {
  if (table.size < FOOTER_BYTES) throw new RangeError("it is shorter than a footer");
  const bytes = await table.read(table.size - FOOTER_BYTES, FOOTER_BYTES);
  if (!bytes.subarray(40).equals(MAGIC)) throw new RangeError("it does not end with a table's magic number");
  const input = new Decoder(bytes.subarray(0, 40));
  try {
    const footer = { metaindex: decodeHandle(input, table), index: decodeHandle(input, table) };
    if (bytes.subarray(input.at, 40).every((byte) => byte === 0)) return footer;
  } catch {
    // A handle that cannot be decoded, or that points past the end.
  }
  throw new RangeError("its footer is damaged");
}

/** @throws RangeError when the block does not end before the footer of the table */
function decodeHandle(input: Decoder, table: FileSource): BlockHandle {
  const handle = { offset: input.varint(), size: input.varint() };
  if (handle.offset + handle.size + TRAILER_BYTES > table.size - FOOTER_BYTES) {
    throw new RangeError("its index points past its end");
  }
  return handle;
}

/** The blocks that an index block points to; `undefined` when its compression is unknown. */
export async function readHandles(table: FileSource, handle: BlockHandle): Promise<BlockHandle[] | undefined> {
  const block = await readBlock(table, handle);
  return block && handlesIn(block, table);
}

/**
 * The first `most` blocks that an index block points to. @default all
 * @param isBefore whether a key, which is not before any key of its block, makes the block one to be left out
 */
function handlesIn(
  index: Buffer,
  table: FileSource,
  most = Number.POSITIVE_INFINITY,
  isBefore?: (key: Buffer) => boolean,
): BlockHandle[] {
  const handles: BlockHandle[] = [];
  const input = new Decoder(index);
  let key: Buffer = Buffer.alloc(0);
  walkEntries(index, (shared, from, valueFrom, to) => {
    if (isBefore) key = Buffer.concat([key.subarray(0, shared), index.subarray(from, valueFrom)]);
    if (isBefore?.(key.subarray(0, -8))) return true;
    input.at = valueFrom;
    handles.push(decodeHandle(input, table));
    if (input.at > to) throw new RangeError("a block's entry is damaged");
    return handles.length < most;
  });
  return handles;
}

async function readBlock(table: FileSource, { offset, size }: BlockHandle): Promise<Buffer | undefined> {
  const bytes = await table.read(offset, size + TRAILER_BYTES);
  if (!isBlockWhole(bytes, 0, size)) throw new RangeError(`wrong checksum of the block at ${offset}`);
  const type = bytes[size];
  if (type === UNCOMPRESSED) return bytes.subarray(0, size);
  return type === SNAPPY ? unsnappy(bytes.subarray(0, size)) : undefined;
}

export function isBlockWhole(bytes: Buffer, at: number, size: number): boolean {
  return maskCrc(crc32c(bytes, at, at + size + 1)) === bytes.readUInt32LE(at + size + 1);
}

/**
 * Calls `onEntry` with each entry of a block, until it returns false.
 * @returns whether `onEntry` has seen all entries
 */
function eachEntry(block: Buffer, onEntry: (key: Buffer, value: Buffer) => boolean): boolean {
  let key: Buffer = Buffer.alloc(0);
  return walkEntries(block, (shared, from, valueFrom, to) => {
    key = Buffer.concat([key.subarray(0, shared), block.subarray(from, valueFrom)]);
    return onEntry(key, block.subarray(valueFrom, to));
  });
}

/**
 * As {@link eachEntry}, with positions in the block: an entry shares the first `shared` bytes of its key with the entry
 * before; the rest of its key begins at `from`, its value at `valueFrom`, and ends at `to`.
 */
function walkEntries(
  block: Buffer,
  onEntry: (shared: number, from: number, valueFrom: number, to: number) => boolean,
): boolean {
  if (block.length < 4) throw new RangeError("a block is too short");
  const restarts = block.readUInt32LE(block.length - 4);
  const end = block.length - 4 - 4 * restarts;
  if (end < 0) throw new RangeError("a block is damaged");
  const input = new Decoder(block.subarray(0, end));
  let keyLength = 0;
  while (!input.done) {
    const shared = input.varint();
    const rest = input.varint();
    const length = input.varint();
    const from = input.at;
    if (shared > keyLength || from + rest + length > end) throw new RangeError("a block's entry is damaged");
    keyLength = shared + rest;
    input.at = from + rest + length;
    if (!onEntry(shared, from, from + rest, input.at)) return false;
  }
  return true;
}
