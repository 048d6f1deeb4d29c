import type { CaptureFile } from "../store.ts";
import type { ManifestFile } from "./manifest.ts";

const KIB = 1024;
/** A log grows at its end: all its pieces but the last stay as they are. */
const APPEND_CUT = 64 * KIB;
/** The finest and the coarsest pieces of a file that changes in place, and how many it is cut into between those. */
const FINEST_CUT = 8 * KIB;
const COARSEST_CUT = 256 * KIB;
const PIECES = 16 * 1024;

/**
 * Bytes of each piece of the file but the last (FORMAT.md, "Cutting", has the measurements). A file that was stored
 * before keeps its cut while that is not far off: another one would send all of it again.
 */
export function cutOf({ change, size }: CaptureFile, before: ManifestFile | undefined, chunkBytes: number): number {
  const ideal = Math.min(idealCut(change, size, chunkBytes), chunkBytes);
  const kept = before?.change === change ? before.cut : ideal;
  return kept <= chunkBytes && kept * 2 >= ideal && kept <= ideal * 2 ? kept : ideal;
}

function idealCut(change: CaptureFile["change"], size: number, chunkBytes: number): number {
  if (change === "never") return chunkBytes;
  if (change === "append") return APPEND_CUT;
  const even = 2 ** Math.ceil(Math.log2(Math.max(size, 1) / PIECES));
  return Math.min(Math.max(even, FINEST_CUT), COARSEST_CUT);
}
