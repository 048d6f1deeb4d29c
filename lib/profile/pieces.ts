import { discard } from "../async/memory.ts";
import type { FileSource } from "../disk/file-source.ts";

/** Bytes per read where a whole file is read: its checks take a millisecond or two. */
export const PIECE_BYTES: number = 1 << 20;
/** Buffers of that size that are kept for the next file: two for each file that is being read. */
const MAX_KEPT = 4;

/** A file of which large parts are read one after the other. */
export interface PieceSource extends FileSource {
  /** Fills `target` from `position`. Absent where only new buffers can be had. */
  readInto?(target: Buffer, position: number): Promise<void>;
  /** Calls `action` with the file, opened once for all of its reads. Absent where the file is open. */
  whileOpen?<T>(action: (open: PieceSource) => Promise<T>): Promise<T>;
}

/** The bytes `[from, to)` of a file. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Calls `action` with the file, opened once for all of its reads. */
export async function whileOpen<T>(source: PieceSource, action: (open: PieceSource) => Promise<T>): Promise<T> {
  return source.whileOpen ? await source.whileOpen(action) : await action(source);
}

const kept: Buffer[] = [];

function takePiece(): Buffer {
  return kept.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
}

function givePiece(buffer: Buffer): void {
  if (kept.length < MAX_KEPT) kept.push(buffer);
  else discard(buffer);
}

/**
 * Reads ranges of a file, the next one while `onBytes` is called with one. The memory is two pieces, whatever the size
 * of the file; only a range of more than a piece has a buffer of its own.
 * @param onBytes called with each range in turn, synchronously; the bytes are valid during the call. Returns whether to
 *   go on
 */
export async function readRanges(
  source: PieceSource,
  ranges: readonly Range[],
  onBytes: (bytes: Buffer, index: number) => boolean,
): Promise<void> {
  const buffers = [takePiece(), takePiece()];
  const begin = async (index: number): Promise<Buffer> => {
    const { from, to } = ranges[index] as Range;
    const target = buffers[index % 2]?.subarray(0, to - from);
    if (target?.length !== to - from || source.readInto === undefined) return await source.read(from, to - from);
    await source.readInto(target, from);
    return target;
  };
  let reading: Promise<Buffer> | undefined;
  try {
    if (ranges.length > 0) reading = begin(0);
    for (let index = 0; index < ranges.length; index++) {
      const bytes = (await reading) as Buffer;
      reading = index + 1 < ranges.length ? begin(index + 1) : undefined;
      if (!onBytes(bytes, index)) return;
    }
  } finally {
    // A read under way writes into its buffer.
    await reading?.catch(() => undefined);
    for (const buffer of buffers) givePiece(buffer);
  }
}

/**
 * Calls `work` with the bytes `[from, to)` of a file, at most a piece, which are valid until it has ended: where many files
 * are looked at, a new buffer for each adds up.
 */
export async function withBytes<T>(
  source: PieceSource,
  { from, to }: Range,
  work: (bytes: Buffer) => Promise<T>,
): Promise<T> {
  if (source.readInto === undefined) return await work(await source.read(from, to - from));
  const piece = takePiece();
  try {
    const bytes = piece.subarray(0, to - from);
    await source.readInto(bytes, from);
    return await work(bytes);
  } finally {
    givePiece(piece);
  }
}

/** The bytes `[from, to)` in pieces of `pieceBytes`. @param pieceBytes at most {@link PIECE_BYTES} */
export function piecesOf(from: number, to: number, pieceBytes: number = PIECE_BYTES): Range[] {
  const pieces: Range[] = [];
  for (let at = from; at < to; at += pieceBytes) pieces.push({ from: at, to: Math.min(to, at + pieceBytes) });
  return pieces;
}
