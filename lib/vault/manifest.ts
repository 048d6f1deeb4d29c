import { pathProblem } from "../disk/safe-paths.ts";
import { VaultError } from "../errors.ts";
import type { CaptureFile, ProfileFacts } from "../store.ts";
import { isManifestShape } from "./entry-shape.ts";
import { type ChunkAddress, folderEpoch, longFolder, shortFolder } from "./layout.ts";

/** One blob of content. */
export interface Chunk extends ChunkAddress {
  /** Bytes of its content. */
  readonly bytes: number;
}

/** A run of bytes of a file, and its location. */
export interface Piece {
  /** SHA-256 of the bytes, in hexadecimal. */
  readonly hash: string;
  readonly bytes: number;
  readonly chunk: Chunk;
  /** Where in the chunk it begins. */
  readonly offset: number;
}

/** One file of a generation. */
export interface ManifestFile {
  readonly path: string;
  readonly bytes: number;
  readonly change: CaptureFile["change"];
  /** Bytes of each of its pieces but the last. */
  readonly pieceBytes: number;
  readonly pieces: readonly Piece[];
}

/** The files of a generation, and the facts of their capture. */
export interface Manifest {
  readonly profile: ProfileFacts;
  /** Whether a browser may have been writing when it was captured. */
  readonly live: boolean;
  /** Milliseconds since 1970. */
  readonly takenAt: number;
  /** Milliseconds between the moments of its parts, at most. */
  readonly spreadMs: number;
  /** With which checks its databases were verified before it was stored; absent when they were not, or are not known to be. */
  readonly verified?: number | undefined;
  readonly files: readonly ManifestFile[];
}

/**
 * The number of the checks that this version makes. To be raised when they find more: then no restore relies on earlier
 * ones.
 */
export const CHECKS = 1;

type PackedChunk = [id: string, folder: number | string, bytes: number, alt?: number];
type PackedPiece = [chunk: number, offset: number, bytes: number, hash: string] | [chunk: number];
type PackedFile = [
  path: string,
  bytes: number,
  change: CaptureFile["change"],
  pieceBytes: number,
  pieces: PackedPiece[],
];
interface PackedManifest extends Omit<Manifest, "files"> {
  chunks: PackedChunk[];
  files: PackedFile[];
}

const CHANGES = ["never", "append", "anywhere"];
const HASH = /^[0-9a-f]{64}$/;

/** The manifest as a value for JSON: chunks are named once, a piece that is a whole chunk by its number alone. */
export function packManifest({ files, ...facts }: Manifest): unknown {
  const numbers = new Map<Chunk, number>();
  const chunks: PackedChunk[] = [];
  const numberOf = (chunk: Chunk): number => {
    const known = numbers.get(chunk);
    if (known !== undefined) return known;
    const { id, bytes, alt } = chunk;
    const folder = shortFolder(chunk.folder);
    chunks.push(alt === 0 ? [id, folder, bytes] : [id, folder, bytes, alt]);
    numbers.set(chunk, chunks.length - 1);
    return chunks.length - 1;
  };
  const packPiece = ({ chunk, offset, bytes, hash }: Piece): PackedPiece =>
    bytes === chunk.bytes ? [numberOf(chunk)] : [numberOf(chunk), offset, bytes, hash];
  const packed = files.map(
    ({ path, bytes, change, pieceBytes, pieces }): PackedFile => [
      path,
      bytes,
      change,
      pieceBytes,
      pieces.map(packPiece),
    ],
  );
  return { ...facts, chunks, files: packed } satisfies PackedManifest;
}

/**
 * The manifest that {@link packManifest} made `value` from.
 * @param what named in errors.
 * @throws `CORRUPT` when `value` is no manifest, or its paths cannot be files of one profile.
 */
export function unpackManifest(value: unknown, what: string): Manifest {
  demand(isManifestShape(value), what, "invalid facts");
  const { chunks: packedChunks, files: packedFiles, ...facts } = value as PackedManifest;
  demand(isListOfLists(packedChunks) && isListOfLists(packedFiles), what, "no list of files");
  const chunks = packedChunks.map(([id, short, bytes, alt = 0]): Chunk => {
    const folder = longFolder(short);
    demand(isHash(id) && folder !== undefined && isCount(bytes) && isCount(alt), what, "invalid chunk");
    return { id, folder, bytes, alt };
  });
  const unpackPiece = ([index, ...rest]: PackedPiece): Piece => {
    const chunk = chunks[index];
    demand(chunk !== undefined, what, "invalid piece");
    const [offset, bytes, hash] = rest.length === 3 ? rest : ([0, chunk.bytes, chunk.id] as const);
    demand(isCount(offset) && isCount(bytes) && bytes > 0 && isHash(hash), what, "invalid piece");
    demand(offset + bytes <= chunk.bytes, what, "invalid piece");
    return { hash, bytes, chunk, offset };
  };
  const files = packedFiles.map(([path, bytes, change, pieceBytes, packed]): ManifestFile => {
    demand(isListOfLists(packed), what, "invalid file");
    const pieces = packed.map(unpackPiece);
    demand(
      typeof path === "string" && isCount(bytes) && isCount(pieceBytes) && CHANGES.includes(change),
      what,
      "invalid file",
    );
    demand(pieces.reduce((sum, piece) => sum + piece.bytes, 0) === bytes, what, "invalid file");
    return { path, bytes, change, pieceBytes, pieces };
  });
  const problem = pathProblem(files.map(({ path }) => path));
  demand(problem === undefined, what, problem ?? "invalid path");
  return { ...facts, files };
}

/**
 * A chunk that an entry names beside its manifest. Earlier versions named an epoch in the place of the folder.
 * @param what named in errors.
 * @throws `CORRUPT`
 */
export function chunkOf(value: Chunk & { readonly epoch?: number }, what: string): Chunk {
  const { id, bytes, alt } = value;
  const folder = value.folder ?? longFolder(value.epoch);
  const isFolder = typeof folder === "string" && folderEpoch(folder) !== undefined;
  demand(isHash(id) && isFolder && isCount(bytes) && isCount(alt), what, "invalid chunk");
  return { id, folder, bytes, alt };
}

/** Every chunk the manifest refers to, once. */
export function chunksOf({ files }: Manifest): Set<Chunk> {
  return new Set(files.flatMap(({ pieces }) => pieces.map(({ chunk }) => chunk)));
}

/** Whether both hold the same files with the same bytes, written by the same browser. */
export function sameContent(a: Manifest, b: Manifest): boolean {
  const files = new Map(a.files.map((file) => [file.path, file]));
  return (
    factsOf(a) === factsOf(b) &&
    a.files.length === b.files.length &&
    b.files.every((file) => sameFile(file, files.get(file.path)))
  );
}

function sameFile(a: ManifestFile, b: ManifestFile | undefined): boolean {
  if (a === b) return true;
  if (a.bytes !== b?.bytes || a.pieces.length !== b.pieces.length) return false;
  return a.pieces.every(({ hash }, index) => hash === b.pieces[index]?.hash);
}

function factsOf({ profile }: Manifest): string {
  return [profile.browserVersion, profile.indexedDb, profile.localStorage].join(" ");
}

/** Total bytes of the files. */
export function bytesOf({ files }: { files: readonly { bytes: number }[] }): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHash(value: unknown): boolean {
  return typeof value === "string" && HASH.test(value);
}

function isListOfLists(value: unknown): boolean {
  return Array.isArray(value) && value.every(Array.isArray);
}

function demand(condition: boolean, what: string, problem: string): asserts condition {
  if (!condition) throw new VaultError("CORRUPT", `Could not read ${what}: ${problem} in its manifest.`);
}
