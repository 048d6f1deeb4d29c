import { read } from "node:fs";
import { promisify } from "node:util";
import { threads } from "../async/threads/thread-pool.ts";
import { readPart } from "../disk/file-source.ts";
import { VaultError } from "../errors.ts";
import type { Capture, CaptureFile } from "../store.ts";
import { blocks } from "./blocks.ts";
import { ALONE_BYTES, type ChunkWriter, locationOf, type PlacedPiece } from "./chunk-writer.ts";
import { choosePieceBytes } from "./chunking.ts";
import { cutPieces, type HashedPieces, job as hashing } from "./hash-pieces-job.ts";
import { chunkKey } from "./layout.ts";
import type { VaultLease } from "./lease.ts";
import type { Chunk, Manifest, ManifestFile } from "./manifest.ts";
import type { Location } from "./uploads.ts";
import type { WriterMemory } from "./writer-memory.ts";

const readAsync = promisify(read);

/** The most that is read at once. */
const READ_BYTES = 4 * 1024 * 1024;
/** Unused bytes that reused chunks may hold: a share of the profile, and a number that is always allowed. */
const WASTE_SHARE = 0.5;
const WASTE_BYTES = 4 * 1024 * 1024;

interface FilePiece {
  readonly file: CaptureFile;
  readonly hash: string;
  readonly bytes: number;
  /** Where in the file it begins. */
  readonly position: number;
  location: Location | PlacedPiece;
}

type Find = (hash: string) => Location | PlacedPiece | undefined;

/**
 * Cuts the files of a capture into pieces, finds those that are stored already and stores the others. Resolves when all
 * of them are stored.
 * @param previous the current generation.
 */
export async function placeFiles(
  { files }: Capture,
  { context, session, writer: { memory } }: VaultLease,
  previous: Manifest | undefined,
  writer: ChunkWriter,
  signal: AbortSignal | undefined,
): Promise<ManifestFile[]> {
  const before = new Map(previous?.files.map((file) => [file.path, file]));
  const current = new Map(previous?.files.flatMap(({ pieces }) => pieces.map((piece) => [piece.hash, piece])));
  // Without being sent, a piece is taken from this save, from the current generation, or from the uploads of this epoch:
  // chunks of other epochs are taken from the current generation alone.
  const find: Find = (hash) => {
    const stored = current.get(hash) ?? memory.uploads.find(hash);
    const isUsable = stored && context.chunkTrust.isTrusted(chunkKey(session, stored.chunk));
    return writer.find(hash) ?? (isUsable ? stored : undefined);
  };
  const cut = files.map((file) => {
    const pieceBytes = choosePieceBytes(file, before.get(file.path), writer.chunkBytes);
    return { file, pieceBytes, known: knownHashes(memory, file, pieceBytes) };
  });
  threads.expect(cut.reduce((sum, { file, known }) => sum + (known ? 0 : file.size), 0));
  const placed: { file: CaptureFile; pieceBytes: number; pieces: FilePiece[] }[] = [];
  for (const { file, pieceBytes, known } of cut) {
    signal?.throwIfAborted();
    const pieces = known
      ? await reuse(file, pieceBytes, known, find, writer)
      : await readAll(file, pieceBytes, find, writer, signal);
    placed.push({ file, pieceBytes, pieces });
  }
  const all = placed.flatMap(({ pieces }) => pieces);
  await repack(all, writer);
  await writer.finish();
  // Only now, when every piece that was read is stored.
  memory.filesRead.clear();
  for (const { file, pieceBytes, pieces } of placed) {
    if (!file.identity) continue;
    memory.filesRead.set(file.path, { identity: file.identity, pieceBytes, hashes: pieces.map(({ hash }) => hash) });
  }
  return placed.map(({ file: { path, size, change }, pieceBytes, pieces }) => ({
    path,
    bytes: size,
    change,
    pieceBytes,
    pieces: pieces.map(({ hash, bytes, location }) => ({ hash, bytes, ...locationOf(location) })),
  }));
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
  find: Find,
  writer: ChunkWriter,
): Promise<FilePiece[]> {
  const pieces: FilePiece[] = [];
  for (const [index, hash] of hashes.entries()) {
    const position = index * pieceBytes;
    const bytes = Math.min(pieceBytes, file.size - position);
    const piece = { file, hash, bytes, position };
    pieces.push({ ...piece, location: find(hash) ?? (await storePiece(writer, piece)) });
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

/** A block of a file: its bytes, and the hashes of its pieces, if a thread has read it. */
interface ReadBlock extends HashedPieces {
  /** Whether the memory is one of `blocks`, and nobody else's. */
  readonly isOurs: boolean;
}

async function readBlock(
  file: CaptureFile,
  start: number,
  length: number,
  pieceBytes: number,
  { hashKey: key }: ChunkWriter,
): Promise<ReadBlock> {
  const own = await file.withDescriptor?.(async ({ fd, position }): Promise<ReadBlock | undefined> => {
    const into = blocks.take(length);
    const from = position + start;
    const hashed = threads.offer(hashing, { fd, position: from, into, pieceBytes, key }, length);
    const byThread = await hashed.catch(() => undefined);
    if (byThread) return { ...byThread, isOurs: true };
    if (into.length === length && (await fill(into, fd, from).catch(() => false)))
      return { content: into, hashes: [], isOurs: true };
    blocks.give(into);
    return undefined;
  });
  // After a failure it is read once more, where the error becomes one of ours.
  return own ?? { content: await readPart(file, start, length), hashes: [], isOurs: false };
}

/** @returns whether the file had so many bytes */
async function fill(into: Uint8Array, fd: number, from: number): Promise<boolean> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await readAsync(fd, into, done, into.length - done, from + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
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
    const location = known ?? (await (isBlock ? writer.placeBlock(hash, piece) : writer.place(hash, piece)));
    if (isBlock && known) blocks.give(content);
    pieces.push({ file, hash, bytes, position: start + index * pieceBytes, location });
  }
  // Smaller pieces were copied.
  if (isOurs && !isBlock && pieceBytes < ALONE_BYTES) blocks.give(content);
  return pieces;
}

/**
 * Stores the needed pieces of the emptiest reused chunks anew, where reused chunks hold too many unused bytes: a chunk is
 * kept as long as one piece of it is needed.
 */
async function repack(pieces: readonly FilePiece[], writer: ChunkWriter): Promise<void> {
  const chunks = new Map<Chunk, { used: number; hashes: Set<string>; pieces: FilePiece[] }>();
  let total = 0;
  for (const piece of pieces) {
    total += piece.bytes;
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
  const allowed = WASTE_BYTES + total * WASTE_SHARE;
  const emptiest = [...chunks].sort(([a, x], [b, y]) => x.used / a.bytes - y.used / b.bytes);
  for (const [chunk, { used, pieces }] of emptiest) {
    if (waste <= allowed) return;
    waste -= chunk.bytes - used;
    for (const piece of pieces) piece.location = await storePiece(writer, piece);
  }
}

/** Stores a piece whose hash is known. */
async function storePiece(
  writer: ChunkWriter,
  { file, hash, bytes, position }: Omit<FilePiece, "location">,
): Promise<PlacedPiece> {
  await writer.ready();
  const content = await readPart(file, position, bytes);
  if (writer.hash(content) === hash) return await writer.place(hash, content);
  throw new VaultError("CORRUPT", `Could not read ${file.path}: it changed while it was captured.`);
}
