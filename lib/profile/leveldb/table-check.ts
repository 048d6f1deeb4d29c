import { turns } from "../../async/turns.ts";
import type { FileSource } from "../../disk/file-source.ts";
import { isDamage } from "../damage.ts";
import { PIECE_BYTES, type PieceSource, type Range, readRanges, whileOpen } from "../pieces.ts";
import { bufferSource } from "../sources.ts";
import {
  type BlockHandle,
  FOOTER_BYTES,
  isBlockWhole,
  readFooter,
  readHandles,
  TRAILER_BYTES,
  withTail,
} from "./table.ts";

/** Whole blocks that follow one another, checked without a pause. */
interface Run extends Range {
  readonly blocks: readonly BlockHandle[];
}

/**
 * Checks a table: its footer, its index, and the checksum of every block. Reads all bytes.
 * @param room what the bytes are read into, at once, if they fit. @default in pieces, and the index twice
 * @returns what is wrong; `undefined` when nothing is
 */
export async function checkTable(table: PieceSource, room?: Buffer): Promise<string | undefined> {
  return await whileOpen(table, async (open) => {
    try {
      const fits = room !== undefined && open.size <= room.length;
      return await (fits ? checkWhole(open, room.subarray(0, open.size)) : checkInPieces(open));
    } catch (cause) {
      if (isDamage(cause)) return cause.message;
      throw cause;
    }
  });
}

/** To read a piece takes a call of the system that a promise is made for, which costs as much as its checksums. */
async function checkWhole(open: PieceSource, bytes: Buffer): Promise<string | undefined> {
  if (open.readInto) await open.readInto(bytes, 0);
  else (await open.read(0, bytes.length)).copy(bytes);
  for (const run of await readRuns(bufferSource(bytes))) {
    await turns.next();
    const problem = problemOf(run, bytes.subarray(run.from, run.to));
    if (problem) return problem;
  }
  return undefined;
}

async function checkInPieces(open: PieceSource): Promise<string | undefined> {
  const runs = await withTail(open, readRuns);
  let problem: string | undefined;
  await readRanges(open, runs, (bytes, index) => {
    problem = problemOf(runs[index] as Run, bytes);
    return problem === undefined;
  });
  return problem;
}

/**
 * All blocks but those that are checked by reading them, as few runs; none where an index block has an unknown
 * compression: its checksum is right, and nothing more can be checked.
 * @throws RangeError when the index is damaged, or the blocks do not cover every byte up to the footer
 */
async function readRuns(table: FileSource): Promise<Run[]> {
  const { index, metaindex } = await readFooter(table);
  const [data, meta] = [await readHandles(table, index), await readHandles(table, metaindex)];
  if (data === undefined || meta === undefined) return [];
  const blocks = [...data, ...meta, metaindex, index].sort((a, b) => a.offset - b.offset);
  const runs: (Range & { to: number; blocks: BlockHandle[] })[] = [];
  let end = 0;
  for (const block of blocks) {
    // One after the other: any other byte is damage.
    if (block.offset !== end) throw new RangeError(`its blocks do not follow one another at ${end}`);
    end = block.offset + block.size + TRAILER_BYTES;
    if (block === index || block === metaindex) continue;
    const run = runs.at(-1);
    if (run?.to === block.offset && end - run.from <= PIECE_BYTES) {
      run.to = end;
      run.blocks.push(block);
    } else runs.push({ from: block.offset, to: end, blocks: [block] });
  }
  if (end === table.size - FOOTER_BYTES) return runs;
  throw new RangeError(`its blocks end at ${end}, before the footer`);
}

function problemOf({ from, blocks }: Run, bytes: Buffer): string | undefined {
  const damaged = blocks.find(({ offset, size }) => !isBlockWhole(bytes, offset - from, size));
  return damaged && `wrong checksum of the block at ${damaged.offset}`;
}
