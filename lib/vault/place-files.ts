import { threads } from "../async/threads/thread-pool.ts";
import type { Capture, CaptureFile } from "../store.ts";
import { blocks } from "./blocks.ts";
import type { ChunkWriter } from "./chunk-writer.ts";
import { choosePieceBytes } from "./chunking.ts";
import { cutPieces } from "./hash-pieces-job.ts";
import { chunkKey } from "./layout.ts";
import type { VaultLease } from "./lease.ts";
import type { Chunk, Manifest, ManifestFile } from "./manifest.ts";
import { ALONE_BYTES } from "./pack.ts";
import { locationOf, type PlacedPiece } from "./placed-piece.ts";
import { type ReadBlock, readBlock } from "./read-block.ts";
import { type FilePiece, type PlacedFile, piecesOf, repack, storePiece, usageOf } from "./repack.ts";
import type { Location } from "./uploads.ts";
import type { WriterMemory } from "./writer-memory.ts";

/** The current generation. */
export interface CurrentFiles {
  readonly manifest: Manifest;
  /** The keys of its chunks. */
  readonly keys: ReadonlySet<string>;
}

/** Bytes that are read at once of a file with small pieces. */
const READ_BYTES = 2 * 1024 * 1024;

type Find = (hash: string) => Location | PlacedPiece | undefined;

/**
 * Cuts the files of a capture into pieces, finds those that are stored already and stores the others. Resolves when all
 * of them are stored. A file that is as it was at the last save costs as much as it has chunks.
 * @param current the current generation, and the keys of its chunks.
 */
export async function placeFiles(
  { files }: Capture,
  { context, session, writer: { memory } }: VaultLease,
  current: CurrentFiles | undefined,
  writer: ChunkWriter,
  signal: AbortSignal | undefined,
): Promise<ManifestFile[]> {
  const before = new Map(current?.manifest.files.map((file) => [file.path, file]));
  let pieces: Map<string, Location> | undefined;
  // Without being sent, a piece is taken from this save, from the current generation, or from the uploads of this epoch:
  // chunks of other epochs are taken from the current generation alone.
  const find: Find = (hash) => {
    pieces ??= new Map(current?.manifest.files.flatMap((file) => file.pieces.map((piece) => [piece.hash, piece])));
    const stored = pieces.get(hash) ?? memory.uploads.find(hash);
    const isUsable = stored && context.chunkTrust.isTrusted(chunkKey(session, stored.chunk));
    return writer.find(hash) ?? (isUsable ? stored : undefined);
  };
  const isKept = (chunk: Chunk): boolean => {
    const key = chunkKey(session, chunk);
    return current?.keys.has(key) === true && context.chunkTrust.isTrusted(key);
  };
  const cut = files.map((file) => {
    const pieceBytes = choosePieceBytes(file, before.get(file.path), writer.chunkBytes);
    return { file, pieceBytes, stored: storedFile(memory, file, pieceBytes) };
  });
  threads.expect(cut.reduce((sum, { file, stored }) => sum + (stored ? 0 : file.size), 0));
  const placed: PlacedFile[] = [];
  for (const { file, pieceBytes, stored } of cut) {
    signal?.throwIfAborted();
    if (stored && [...usageOf(stored.pieces).keys()].every(isKept)) placed.push({ file, stored });
    else if (stored) placed.push({ file, pieceBytes, pieces: await reuse(file, stored, find, writer) });
    else placed.push({ file, pieceBytes, pieces: await readAll(file, pieceBytes, find, writer, signal) });
  }
  const packed = await repack(placed, session, writer);
  await writer.finish();
  const manifest = packed.map((one) => ({ file: one.file, stored: manifestFile(one) }));
  // Only now, when every piece that was read is stored.
  memory.filesRead.clear();
  for (const { file, stored } of manifest) {
    if (file.identity) memory.filesRead.set(file.path, { identity: file.identity, stored });
  }
  return manifest.map(({ stored }) => stored);
}

function manifestFile(placed: PlacedFile): ManifestFile {
  if ("stored" in placed) return placed.stored;
  const { file, pieceBytes, pieces } = placed;
  const located = pieces.map(({ hash, bytes, location }) => ({ hash, bytes, ...locationOf(location) }));
  return { path: file.path, bytes: file.size, change: file.change, pieceBytes, pieces: located };
}

/**
 * The file as the last save stored it, if it need not be read. Identities are trusted from saves of this same lease only,
 * kept in memory: an inode number says nothing on another machine, or of a directory that was made anew.
 */
function storedFile(memory: WriterMemory, file: CaptureFile, pieceBytes: number): ManifestFile | undefined {
  const { identity, stored } = memory.filesRead.get(file.path) ?? {};
  const isSame = stored?.bytes === file.size && stored.change === file.change && stored.pieceBytes === pieceBytes;
  return isSame && identity === file.identity ? stored : undefined;
}

async function reuse(file: CaptureFile, stored: ManifestFile, find: Find, writer: ChunkWriter): Promise<FilePiece[]> {
  const pieces: FilePiece[] = [];
  for (const piece of piecesOf(file, stored)) {
    pieces.push({ ...piece, location: find(piece.hash) ?? (await storePiece(writer, piece)) });
  }
  return pieces;
}

async function readAll(
  file: CaptureFile,
  pieceBytes: number,
  find: Find,
  writer: ChunkWriter,
  signal: AbortSignal | undefined,
): Promise<FilePiece[]> {
  const pieces: FilePiece[] = [];
  const stride = Math.max(1, Math.floor(READ_BYTES / pieceBytes)) * pieceBytes;
  for (let start = 0; start < file.size; start += stride) {
    signal?.throwIfAborted();
    await writer.ready();
    const block = await readBlock(file, start, Math.min(stride, file.size - start), pieceBytes, writer);
    pieces.push(...(await placeBlock(file, start, pieceBytes, block, find, writer)));
  }
  return pieces;
}

async function placeBlock(
  file: CaptureFile,
  start: number,
  pieceBytes: number,
  { content, hashes, isOurs }: ReadBlock,
  find: Find,
  writer: ChunkWriter,
): Promise<FilePiece[]> {
  const contents = cutPieces(content, pieceBytes);
  const isBlock = isOurs && contents.length === 1;
  const pieces: FilePiece[] = [];
  for (const [index, piece] of contents.entries()) {
    const { length: bytes } = piece;
    const hash = hashes[index] ?? writer.hash(piece);
    const known = find(hash);
    const placed = known ?? (isBlock ? writer.placeBlock(hash, piece) : writer.place(hash, piece));
    const location = placed instanceof Promise ? await placed : placed;
    if (isBlock && known) blocks.give(content);
    pieces.push({ file, hash, bytes, position: start + index * pieceBytes, location });
  }
  // Smaller pieces were copied.
  if (isOurs && !isBlock && pieceBytes < ALONE_BYTES) blocks.give(content);
  return pieces;
}
