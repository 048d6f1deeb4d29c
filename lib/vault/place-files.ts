import { readPart } from "../disk/file-source.ts";
import { VaultError } from "../errors.ts";
import type { Capture, CaptureFile } from "../store.ts";
import { type ChunkWriter, locationOf, type PlacedPiece } from "./chunk-writer.ts";
import { cutOf } from "./chunking.ts";
import { sha256 } from "./hash.ts";
import { chunkKey } from "./layout.ts";
import type { VaultLease } from "./lease.ts";
import type { Chunk, Manifest, ManifestFile } from "./manifest.ts";
import type { Location } from "./uploads.ts";

/** What is read at once. */
const READ_BYTES = 4 * 1024 * 1024;
/** Bytes that reused chunks may hold for nothing, as a share of the whole, and what is always allowed. */
const WASTE_SHARE = 0.5;
const WASTE_BYTES = 4 * 1024 * 1024;

interface CutFile {
  readonly file: CaptureFile;
  readonly cut: number;
  readonly pieces: CutPiece[];
}

interface CutPiece {
  readonly hash: string;
  readonly bytes: number;
  readonly position: number;
  place: Location | PlacedPiece;
}

/** What {@link placeFiles} takes. */
export interface PlaceOptions {
  readonly capture: Capture;
  readonly lease: VaultLease;
  /** The current generation. */
  readonly previous: Manifest | undefined;
  readonly writer: ChunkWriter;
  readonly chunkBytes: number;
  /** Keys of chunks that are damaged. */
  readonly distrusted: ReadonlySet<string>;
  readonly signal?: AbortSignal | undefined;
}

/** Cuts the files of a capture into pieces and finds or makes a place for each. Resolves when all of it is stored. */
export async function placeFiles(options: PlaceOptions): Promise<ManifestFile[]> {
  const { capture, lease, writer, signal } = options;
  const before = new Map(options.previous?.files.map((file) => [file.path, file]));
  const stored = storedPieces(options);
  const find = (hash: string): Location | PlacedPiece | undefined => writer.find(hash) ?? stored(hash);
  const files: CutFile[] = [];
  for (const file of capture.files) {
    signal?.throwIfAborted();
    const cut = cutOf(file, before.get(file.path), options.chunkBytes);
    const known = knownHashes(lease, file, cut);
    const pieces = known ? await reuse(file, cut, known, find, writer) : await readAll(file, cut, find, writer, signal);
    files.push({ file, cut, pieces });
  }
  await repack(files, writer);
  await writer.finish();
  // Only now: what was read is what is stored.
  lease.filesRead.clear();
  for (const { file, cut, pieces } of files) {
    if (!file.identity) continue;
    lease.filesRead.set(file.path, { identity: file.identity, cut, hashes: pieces.map(({ hash }) => hash) });
  }
  return files.map(({ file: { path, size, change }, cut, pieces }) => ({
    path,
    bytes: size,
    change,
    cut,
    pieces: pieces.map(({ hash, bytes, place }) => ({ hash, bytes, ...locationOf(place) })),
  }));
}

/**
 * Pieces that may be referred to without being sent: those of the current generation and those this epoch has uploaded.
 * Chunks of other epochs are taken from nowhere else.
 */
function storedPieces({ lease, previous, distrusted }: PlaceOptions): (hash: string) => Location | undefined {
  const current = new Map<string, Location>();
  for (const { pieces } of previous?.files ?? []) {
    for (const { hash, chunk, offset } of pieces) current.set(hash, { chunk, offset });
  }
  return (hash) => {
    const location = current.get(hash) ?? lease.uploads.find(hash);
    return location && !distrusted.has(chunkKey(lease.session, location.chunk)) ? location : undefined;
  };
}

/**
 * The hashes of a file that need not be read. Identities are trusted from saves of this same lease only, kept in memory:
 * an inode number says nothing on another machine, or of a directory that was made anew.
 */
function knownHashes(lease: VaultLease, file: CaptureFile, cut: number): readonly string[] | undefined {
  const known = lease.filesRead.get(file.path);
  const same = known !== undefined && known.identity === file.identity && known.cut === cut;
  return same && known.hashes.length === Math.ceil(file.size / cut) ? known.hashes : undefined;
}

async function reuse(
  file: CaptureFile,
  cut: number,
  hashes: readonly string[],
  find: (hash: string) => Location | PlacedPiece | undefined,
  writer: ChunkWriter,
): Promise<CutPiece[]> {
  const pieces: CutPiece[] = [];
  for (const [index, hash] of hashes.entries()) {
    const position = index * cut;
    const bytes = Math.min(cut, file.size - position);
    const place = find(hash) ?? (await storePiece(writer, file, { hash, bytes, position }));
    pieces.push({ hash, bytes, position, place });
  }
  return pieces;
}

async function readAll(
  file: CaptureFile,
  cut: number,
  find: (hash: string) => Location | PlacedPiece | undefined,
  writer: ChunkWriter,
  signal: AbortSignal | undefined,
): Promise<CutPiece[]> {
  const pieces: CutPiece[] = [];
  const stride = Math.max(1, Math.floor(READ_BYTES / cut)) * cut;
  for (let start = 0; start < file.size; start += stride) {
    signal?.throwIfAborted();
    await writer.ready();
    const block = await readPart(file, start, Math.min(stride, file.size - start));
    for (let offset = 0; offset < block.length; offset += cut) {
      const content = block.subarray(offset, offset + cut);
      const hash = sha256(content);
      const place = find(hash) ?? (await writer.place(hash, content));
      pieces.push({ hash, bytes: content.length, position: start + offset, place });
    }
  }
  return pieces;
}

/**
 * A chunk is kept while one piece of it is needed. Where reused chunks hold too much that nobody needs, the pieces of
 * the emptiest are stored anew.
 */
async function repack(files: readonly CutFile[], writer: ChunkWriter): Promise<void> {
  const chunks = new Map<
    Chunk,
    { used: number; hashes: Set<string>; pieces: { file: CaptureFile; piece: CutPiece }[] }
  >();
  let total = 0;
  for (const { file, pieces } of files) {
    for (const piece of pieces) {
      total += piece.bytes;
      const { chunk } = piece.place;
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
      piece.place = await storePiece(writer, file, piece);
    }
  }
}

/** Stores a piece whose hash is known. */
async function storePiece(
  writer: ChunkWriter,
  file: CaptureFile,
  { hash, bytes, position }: Pick<CutPiece, "hash" | "bytes" | "position">,
): Promise<PlacedPiece> {
  await writer.ready();
  const content = await readPart(file, position, bytes);
  if (sha256(content) === hash) return await writer.place(hash, content);
  throw new VaultError("CORRUPT", `Could not read ${file.path}: it changed while it was captured.`);
}
