import { readPart } from "../disk/file-source.ts";
import { VaultError } from "../errors.ts";
import type { CaptureFile } from "../store.ts";
import type { ChunkWriter } from "./chunk-writer.ts";
import { chunkKey } from "./layout.ts";
import type { Chunk, ManifestFile, Piece } from "./manifest.ts";
import type { PlacedPiece } from "./placed-piece.ts";
import type { Location } from "./uploads.ts";

/** Unused bytes that reused chunks may hold: a share of the profile, or a number that is always allowed. */
const WASTE_SHARE = 0.5;
const WASTE_BYTES = 256 * 1024;

/** A piece of a file, and where it is stored. */
export interface FilePiece {
  readonly file: CaptureFile;
  readonly hash: string;
  readonly bytes: number;
  /** Where in the file it begins. */
  readonly position: number;
  location: Location | PlacedPiece;
}

/** A file with the locations of its pieces: as an earlier save has stored it, or piece by piece. */
export type PlacedFile =
  | { readonly file: CaptureFile; readonly stored: ManifestFile }
  | { readonly file: CaptureFile; readonly pieceBytes: number; readonly pieces: FilePiece[] };

/** The pieces of a stored file. */
export function piecesOf(file: CaptureFile, { pieces }: ManifestFile): FilePiece[] {
  let position = 0;
  return pieces.map((piece) => {
    const { hash, bytes } = piece;
    position += bytes;
    return { file, hash, bytes, position: position - bytes, location: piece };
  });
}

const usages = new WeakMap<readonly Piece[], ReadonlyMap<Chunk, number>>();

/** How many bytes of each chunk these pieces need, each piece once. Remembered for as long as the pieces are. */
export function usageOf(pieces: readonly Piece[]): ReadonlyMap<Chunk, number> {
  const known = usages.get(pieces);
  if (known) return known;
  const usage = new Map<Chunk, number>();
  const hashes = new Set<string>();
  for (const { hash, bytes, chunk } of pieces) {
    if (!hashes.has(hash)) usage.set(chunk, (usage.get(chunk) ?? 0) + bytes);
    hashes.add(hash);
  }
  usages.set(pieces, usage);
  return usage;
}

/**
 * Stores the needed pieces of the emptiest reused chunks anew, where reused chunks hold too many unused bytes: a chunk is
 * kept as long as one piece of it is needed.
 * @returns the files, with the new locations
 */
export async function repack(
  placed: readonly PlacedFile[],
  session: string,
  writer: ChunkWriter,
): Promise<readonly PlacedFile[]> {
  const total = placed.reduce((sum, { file }) => sum + file.size, 0);
  const allowed = Math.max(WASTE_BYTES, total * WASTE_SHARE);
  // Most often it is little, which costs no look at each piece to see.
  if (leastWaste(placed, session, writer) <= allowed) return placed;
  const files = placed.map((one) =>
    "stored" in one
      ? { file: one.file, pieceBytes: one.stored.pieceBytes, pieces: piecesOf(one.file, one.stored) }
      : one,
  );
  const pieces = files.flatMap((one) => one.pieces);
  await repackPieces(pieces, allowed, writer);
  return files;
}

/** The unused bytes of the reused chunks, or fewer: a piece that two files share is counted as two. */
function leastWaste(placed: readonly PlacedFile[], session: string, writer: ChunkWriter): number {
  const chunks = new Map<string, { bytes: number; used: number }>();
  for (const one of placed) {
    const reused = "stored" in one ? one.stored.pieces : one.pieces.flatMap((piece) => reusedPiece(piece, writer));
    for (const [chunk, used] of usageOf(reused)) {
      const key = chunkKey(session, chunk);
      const known = chunks.get(key) ?? { bytes: chunk.bytes, used: 0 };
      known.used += used;
      chunks.set(key, known);
    }
  }
  return [...chunks.values()].reduce((sum, { bytes, used }) => sum + Math.max(0, bytes - used), 0);
}

function reusedPiece({ hash, bytes, location }: FilePiece, writer: ChunkWriter): Piece[] {
  const { chunk, offset } = location;
  return chunk && !writer.find(hash) ? [{ hash, bytes, chunk, offset }] : [];
}

async function repackPieces(pieces: readonly FilePiece[], allowed: number, writer: ChunkWriter): Promise<void> {
  const chunks = new Map<Chunk, { used: number; hashes: Set<string>; pieces: FilePiece[] }>();
  for (const piece of pieces) {
    const { chunk } = piece.location;
    if (!chunk || writer.find(piece.hash)) continue;
    const users = chunks.get(chunk) ?? { used: 0, hashes: new Set(), pieces: [] };
    if (!users.hashes.has(piece.hash)) users.used += piece.bytes;
    users.hashes.add(piece.hash);
    users.pieces.push(piece);
    chunks.set(chunk, users);
  }
  let waste = 0;
  for (const [chunk, { used }] of chunks) waste += chunk.bytes - used;
  const emptiest = [...chunks].sort(([a, x], [b, y]) => x.used / a.bytes - y.used / b.bytes);
  for (const [chunk, { used, pieces }] of emptiest) {
    if (waste <= allowed) return;
    waste -= chunk.bytes - used;
    for (const piece of pieces) piece.location = await storePiece(writer, piece);
  }
}

/** Stores a piece whose hash is known. @throws `CORRUPT` when the file has another content now */
export async function storePiece(
  writer: ChunkWriter,
  { file, hash, bytes, position }: Omit<FilePiece, "location">,
): Promise<PlacedPiece> {
  await writer.ready();
  const content = await readPart(file, position, bytes);
  if (writer.hash(content) === hash) return await writer.place(hash, content);
  throw new VaultError("CORRUPT", `Could not read ${file.path}: it changed while it was captured.`);
}
