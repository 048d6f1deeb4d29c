import type { CaptureFile } from "../store.ts";
import type { ManifestFile } from "./manifest.ts";

const KIB = 1024;
/** A log grows at its end: all its pieces but the last stay as they are. */
const APPEND_BYTES = 64 * KIB;
/** The smallest and the largest pieces of a file that changes in place, and how many pieces a file has between those. */
const SMALLEST_BYTES = 8 * KIB;
const LARGEST_BYTES = 256 * KIB;
const PIECES = 16 * 1024;

/**
 * The bytes of each piece of the file but the last (FORMAT.md, "Cutting", has the measurements). A file that was stored
 * before keeps its size of pieces while that is at most twice or half of the ideal one: a new size sends the whole file.
 */
export function choosePieceBytes(
  { change, size }: CaptureFile,
  before: ManifestFile | undefined,
  chunkBytes: number,
): number {
  const ideal = Math.min(idealPieceBytes(change, size, chunkBytes), chunkBytes);
  const kept = before?.change === change ? before.pieceBytes : ideal;
  return kept <= chunkBytes && kept * 2 >= ideal && kept <= ideal * 2 ? kept : ideal;
}

function idealPieceBytes(change: CaptureFile["change"], size: number, chunkBytes: number): number {
  if (change === "never") return chunkBytes;
  if (change === "append") return APPEND_BYTES;
  const even = 2 ** Math.ceil(Math.log2(Math.max(size, 1) / PIECES));
  return Math.min(Math.max(even, SMALLEST_BYTES), LARGEST_BYTES);
}
