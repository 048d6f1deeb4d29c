import { readPart } from "../disk/file-source.ts";
import { VaultError } from "../errors.ts";
import type { Capture, CaptureFile } from "../store.ts";
import type { ChunkTrust } from "./chunk-trust.ts";
import { type ChunkWriter, locationOf, type PlacedPiece } from "./chunk-writer.ts";
import { choosePieceBytes } from "./chunking.ts";
import { sha256 } from "./hash.ts";
import { chunkKey } from "./layout.ts";
import type { Chunk, Manifest, ManifestFile } from "./manifest.ts";
import type { Location } from "./uploads.ts";
import type { WriterMemory } from "./writer-memory.ts";

/** The most that is read at once. */
const READ_BYTES = 4 * 1024 * 1024;
/** Unused bytes that reused chunks may hold: a share of the profile, and a number that is always allowed. */
const WASTE_SHARE = 0.5;
const WASTE_BYTES = 4 * 1024 * 1024;

interface PlacedFile {
  readonly file: CaptureFile;
  readonly pieceBytes: number;
  readonly pieces: FilePiece[];
}

interface FilePiece {
  readonly hash: string;
  readonly bytes: number;
  readonly position: number;
  location: Location | PlacedPiece;
}

/** What {@link placeFiles} takes. */
export interface PlaceOptions {
  readonly session: string;
  readonly capture: Capture;
  readonly memory: WriterMemory;
  /** The current generation. */
  readonly previous: Manifest | undefined;
  readonly writer: ChunkWriter;
  readonly chunkBytes: number;
  readonly chunkTrust: ChunkTrust;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Cuts the files of a capture into pieces, finds those that are stored already and stores the others. Resolves when all
 * of them are stored.
 */
export async function placeFiles(options: PlaceOptions): Promise<ManifestFile[]> {
  const { capture, memory, writer, signal } = options;
  const before = new Map(options.previous?.files.map((file) => [file.path, file]));
  const stored = storedPieces(options);
  const find = (hash: string): Location | PlacedPiece | undefined => writer.find(hash) ?? stored(hash);
  const files: PlacedFile[] = [];
  for (const file of capture.files) {
    signal?.throwIfAborted();
    const pieceBytes = choosePieceBytes(file, before.get(file.path), options.chunkBytes);
    const known = knownHashes(memory, file, pieceBytes);
    const pieces = known
      ? await reuse(file, pieceBytes, known, find, writer)
      : await readAll(file, pieceBytes, find, writer, signal);
    files.push({ file, pieceBytes, pieces });
  }
  await repack(files, writer);
  await writer.finish();
  // Only now, when every piece that was read is stored.
  memory.filesRead.clear();
  for (const { file, pieceBytes, pieces } of files) {
    if (!file.identity) continue;
    memory.filesRead.set(file.path, { identity: file.identity, pieceBytes, hashes: pieces.map(({ hash }) => hash) });
  }
  return files.map(({ file: { path, size, change }, pieceBytes, pieces }) => ({
    path,
    bytes: size,
    change,
    pieceBytes,
    pieces: pieces.map(({ hash, bytes, location }) => ({ hash, bytes, ...locationOf(location) })),
  }));
}

/**
 * Finds pieces that may be referred to without being sent: those of the current generation, and those that were uploaded
 * in this epoch. Chunks of other epochs are taken from the current generation alone.
 */
function storedPieces({ session, memory, previous, chunkTrust }: PlaceOptions): (hash: string) => Location | undefined {
  const current = new Map<string, Location>();
  for (const { pieces } of previous?.files ?? []) {
    for (const { hash, chunk, offset } of pieces) current.set(hash, { chunk, offset });
  }
  return (hash) => {
    const location = current.get(hash) ?? memory.uploads.find(hash);
    return location && chunkTrust.isTrusted(chunkKey(session, location.chunk)) ? location : undefined;
  };
}

/**
 * The hashes of a file that need not be read. Identities are trusted from saves of this same lease only, kept in memory:
 * an inode number says nothing on another machine, or of a directory that was made anew.
 */
function knownHashes(memory: WriterMemory, file: CaptureFile, pieceBytes: number): readonly string[] | undefined {
  const known = memory.filesRead.get(file.path);
  const same = known !== undefined && known.identity === file.identity && known.pieceBytes === pieceBytes;
  return same && known.hashes.length === Math.ceil(file.size / pieceBytes) ? known.hashes : undefined;
}

async function reuse(
  file: CaptureFile,
  pieceBytes: number,
  hashes: readonly string[],
  find: (hash: string) => Location | PlacedPiece | undefined,
  writer: ChunkWriter,
): Promise<FilePiece[]> {
  const pieces: FilePiece[] = [];
  for (const [index, hash] of hashes.entries()) {
    const position = index * pieceBytes;
    const bytes = Math.min(pieceBytes, file.size - position);
    const location = find(hash) ?? (await storePiece(writer, file, { hash, bytes, position }));
    pieces.push({ hash, bytes, position, location });
  }
  return pieces;
}

async function readAll(
  file: CaptureFile,
  pieceBytes: number,
  find: (hash: string) => Location | PlacedPiece | undefined,
  writer: ChunkWriter,
  signal: AbortSignal | undefined,
): Promise<FilePiece[]> {
  const pieces: FilePiece[] = [];
  const stride = Math.max(1, Math.floor(READ_BYTES / pieceBytes)) * pieceBytes;
  for (let start = 0; start < file.size; start += stride) {
    signal?.throwIfAborted();
    await writer.ready();
    const block = await readPart(file, start, Math.min(stride, file.size - start));
    for (let offset = 0; offset < block.length; offset += pieceBytes) {
      const content = block.subarray(offset, offset + pieceBytes);
      const hash = sha256(content);
      const location = find(hash) ?? (await writer.place(hash, content));
      pieces.push({ hash, bytes: content.length, position: start + offset, location });
    }
  }
  return pieces;
}

/**
 * Stores the needed pieces of the emptiest reused chunks anew, where reused chunks hold too many unused bytes: a chunk is
 * kept as long as one piece of it is needed.
 */
async function repack(files: readonly PlacedFile[], writer: ChunkWriter): Promise<void> {
  const chunks = new Map<
    Chunk,
    { used: number; hashes: Set<string>; pieces: { file: CaptureFile; piece: FilePiece }[] }
  >();
  let total = 0;
  for (const { file, pieces } of files) {
    for (const piece of pieces) {
      total += piece.bytes;
      const { chunk } = piece.location;
      if (!chunk || writer.find(piece.hash)) continue;
      const users = chunks.get(chunk) ?? { used: 0, hashes: new Set(), pieces: [] };
      if (!users.hashes.has(piece.hash)) users.used += piece.bytes;
      users.hashes.add(piece.hash);
      users.pieces.push({ file, piece });
      chunks.set(chunk, users);
    }
  }
  let waste = 0;
  for (const [chunk, { used }] of chunks) waste += chunk.bytes - used;
  const allowed = WASTE_BYTES + total * WASTE_SHARE;
  const emptiest = [...chunks].sort(([a, x], [b, y]) => x.used / a.bytes - y.used / b.bytes);
  for (const [chunk, { used, pieces }] of emptiest) {
    if (waste <= allowed) return;
    waste -= chunk.bytes - used;
    for (const { file, piece } of pieces) {
      piece.location = await storePiece(writer, file, piece);
    }
  }
}

/** Stores a piece whose hash is known. */
async function storePiece(
  writer: ChunkWriter,
  file: CaptureFile,
  { hash, bytes, position }: Pick<FilePiece, "hash" | "bytes" | "position">,
): Promise<PlacedPiece> {
  await writer.ready();
  const content = await readPart(file, position, bytes);
  if (sha256(content) === hash) return await writer.place(hash, content);
  throw new VaultError("CORRUPT", `Could not read ${file.path}: it changed while it was captured.`);
}
