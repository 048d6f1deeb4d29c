import type { FileSource } from "../../disk/file-source.ts";
import { PIECE_BYTES } from "../sources.ts";
import { crc32c, maskCrc } from "./crc32c.ts";
import { Decoder } from "./format.ts";
import { unsnappy } from "./snappy.ts";

// LevelDB's own doc/table_format.md.
const FOOTER_BYTES = 48;
const TRAILER_BYTES = 5;
const MAGIC: Buffer = Buffer.from("57fb808b247547db", "hex");
const UNCOMPRESSED = 0;
const SNAPPY = 1;

/** Position and size of a block, without its trailer of a type byte and a checksum. */
interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

/**
 * Checks a table: its footer, its index, and the checksum of every block. Reads all bytes.
 * @returns what is wrong; `undefined` when nothing is
 */
export async function checkTable(table: FileSource): Promise<string | undefined> {
  let blocks: BlockHandle[];
  try {
    const footer = await readFooter(table);
    const data = await readHandles(table, footer.index);
    const meta = await readHandles(table, footer.metaindex);
    // An index block in an unknown compression: its checksum is right, and nothing more can be checked.
    if (data === undefined || meta === undefined) return undefined;
    blocks = [...data, ...meta, footer.metaindex, footer.index];
  } catch (cause) {
    if (cause instanceof RangeError) return cause.message;
    throw cause;
  }
  blocks.sort((a, b) => a.offset - b.offset);

  // The blocks cover every byte up to the footer, one after the other: any other byte is damage.
  let covered = 0;
  for (let i = 0; i < blocks.length; ) {
    const first = i;
    let end = covered;
    for (; i < blocks.length && (i === first || end - covered < PIECE_BYTES); i++) {
      const block = blocks[i] as BlockHandle;
      if (block.offset !== end) return `its blocks do not follow one another at ${end}`;
      end = block.offset + block.size + TRAILER_BYTES;
    }
    const bytes = await table.read(covered, end - covered);
    for (const block of blocks.slice(first, i)) {
      if (!isBlockWhole(bytes, block.offset - covered, block.size)) {
        return `wrong checksum of the block at ${block.offset}`;
      }
    }
    covered = end;
  }
  return covered === table.size - FOOTER_BYTES ? undefined : `its blocks end at ${covered}, before the footer`;
}

/**
 * Calls `onEntry` with the entries of a table in key order, until it returns false. Keys are internal keys: the user's
 * key, then 8 bytes of `sequence << 8 | kind` (kind 1: a value, 0: a deletion).
 * @throws RangeError when the table is damaged
 */
export async function readTable(table: FileSource, onEntry: (key: Buffer, value: Buffer) => boolean): Promise<void> {
  const { index } = await readFooter(table);
  for (const handle of (await readHandles(table, index)) ?? [undefined]) {
    const block = handle && (await readBlock(table, handle));
    if (block === undefined) throw new RangeError("it is compressed in a way that is not known");
    if (!eachEntry(block, onEntry)) return;
  }
}

/** @throws RangeError when the table has no whole footer */
async function readFooter(table: FileSource): Promise<{ metaindex: BlockHandle; index: BlockHandle }> {
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
async function readHandles(table: FileSource, handle: BlockHandle): Promise<BlockHandle[] | undefined> {
  const block = await readBlock(table, handle);
  if (block === undefined) return undefined;
  const handles: BlockHandle[] = [];
  eachEntry(block, (_key, value) => {
    handles.push(decodeHandle(new Decoder(value), table));
    return true;
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

function isBlockWhole(bytes: Buffer, at: number, size: number): boolean {
  return maskCrc(crc32c(bytes, at, at + size + 1)) === bytes.readUInt32LE(at + size + 1);
}

/**
 * Calls `onEntry` with each entry of a block, until it returns false. An entry shares the beginning of its key with the
 * entry before.
 * @returns whether `onEntry` has seen all entries
 */
function eachEntry(block: Buffer, onEntry: (key: Buffer, value: Buffer) => boolean): boolean {
  if (block.length < 4) throw new RangeError("a block is too short");
  const restarts = block.readUInt32LE(block.length - 4);
  const end = block.length - 4 - 4 * restarts;
  if (end < 0) throw new RangeError("a block is damaged");
  const input = new Decoder(block.subarray(0, end));
  let key: Buffer = Buffer.alloc(0);
  while (!input.done) {
    const shared = input.varint();
    const rest = input.varint();
    const length = input.varint();
    const from = input.at;
    if (shared > key.length || from + rest + length > end) throw new RangeError("a block's entry is damaged");
    key = Buffer.concat([key.subarray(0, shared), block.subarray(from, from + rest)]);
    input.at = from + rest + length;
    if (!onEntry(key, block.subarray(from + rest, from + rest + length))) return false;
  }
  return true;
}
