import { isVaultError, VaultError } from "../errors.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { currentOf, entryOf, type Generation, type LogState } from "./entry.ts";
import type { Draft } from "./entry-draft.ts";
import { keyOf, RECORDS_LAYOUT } from "./frame.ts";
import { chunkKey, entryKey } from "./layout.ts";
import type { VaultLease } from "./lease.ts";
import { type Chunk, chunksOf, type Manifest, type Piece } from "./manifest.ts";
import { locationOf, type PlacedPiece } from "./placed-piece.ts";
import { pruneWhole } from "./prune.ts";
import { looseUnderOtherKey, rekeyFold } from "./records/rekey-fold.ts";
import { placeManifest } from "./save.ts";
import type { Location } from "./uploads.ts";

/** The result of `store.rekey`. */
export interface RekeyReport {
  /** Id of the key that all of the session is encrypted with now. */
  readonly keyId: string;
  /** Numbers of the generations that were encrypted anew, the current one first. */
  readonly generations: readonly number[];
  /** How many other entries of the log were encrypted anew. */
  readonly entries: number;
}

/** The hash, under the new key, of each part of a piece that was stored before: by chunk, offset and size. */
type Renamed = Map<string, { hash: string; bytes: number }[]>;

/**
 * Encrypts every kept generation of a session with the first key, and then deletes what was stored otherwise. Generations
 * keep their numbers, ids, times and marks. Each is committed by itself: a call that was interrupted, at any point, is
 * made again, and goes on.
 * @throws `INVALID` without encryption; `WRONG_KEY` when the key of a part was not given; `CORRUPT` naming generations
 *   that are damaged: all others are encrypted anew then, and nothing is deleted.
 */
export async function rekey(lease: VaultLease, signal: AbortSignal | undefined): Promise<RekeyReport> {
  const { context, session, writer } = lease;
  const keyId = await context.frames(session).keyId();
  if (keyId === undefined) {
    throw new VaultError("INVALID", `Could not encrypt ${session} anew: the store has no key.`, {
      hint: "Give the store a key, as `encryption`.",
    });
  }
  await writer.catchUp(signal);
  const done: number[] = [];
  const damaged = new Map<number, unknown>();
  const renamed: Renamed = new Map();
  const isRecords = writer.state.records !== undefined;
  let loose = isRecords ? await looseUnderOtherKey(lease, keyId, signal) : undefined;
  for (;;) {
    const next = nextOf(writer.state, keyId, loose, damaged);
    if (!next) break;
    try {
      if (isRecords) await rekeyRecords(lease, next, keyId, signal);
      else await rekeyGeneration(lease, next, keyId, renamed, signal);
      if (next.n === loose) loose = undefined;
      done.push(next.n);
    } catch (error) {
      if (!isVaultError(error, "CORRUPT")) throw error;
      damaged.set(next.n, error);
    }
  }
  if (damaged.size > 0) {
    const message = `Could not encrypt ${session} anew as a whole: generation ${[...damaged.keys()].join(", ")} is damaged.`;
    const hint =
      "All others are encrypted with the first key. Call it again once newer generations have taken its place.";
    throw new VaultError("CORRUPT", message, { cause: [...damaged.values()][0], hint });
  }
  await pruneWhole(lease, signal);
  return { keyId, generations: done, entries: await rekeyEntries(lease, keyId, signal) };
}

/**
 * The next generation to be encrypted anew: the current one first, so that the others can share its chunks.
 * @param loose number of one that entries belong to which are not encrypted with this key
 */
function nextOf(
  { live, content }: LogState,
  keyId: string,
  loose: number | undefined,
  damaged: ReadonlyMap<number, unknown>,
): Generation | undefined {
  const left = live.filter(({ n, key }) => (key !== keyId || n === loose) && !damaged.has(n));
  return currentOf({ live: left, content }) ?? left.at(-1);
}

async function rekeyGeneration(
  lease: VaultLease,
  generation: Generation,
  keyId: string,
  renamed: Renamed,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { session, writer } = lease;
  const before = await writer.generations.manifest(generation, signal);
  if (!before) {
    const why = "it is missing from its log";
    throw new VaultError("CORRUPT", `Could not read generation ${generation.n} of ${session}: ${why}.`);
  }
  const chunks = await ChunkWriter.open(lease, signal);
  let manifest: Manifest;
  let manifestChunks: Chunk[] | undefined;
  try {
    manifest = await moveFiles(lease, before, chunks, renamed, signal);
    manifestChunks = await placeManifest(manifest, chunks);
  } catch (error) {
    await chunks.abandon(error);
    throw error;
  }
  await commitRekeyed(lease, generation, keyId, { manifest, ...(manifestChunks ? { manifestChunks } : {}) }, signal);
}

async function rekeyRecords(
  lease: VaultLease,
  generation: Generation,
  keyId: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const fold = await rekeyFold(lease, generation, keyId, signal);
  await commitRekeyed(lease, generation, keyId, { fold }, signal);
}

async function commitRekeyed(
  { writer }: VaultLease,
  generation: Generation,
  keyId: string,
  stored: Pick<Draft, "manifest" | "manifestChunks" | "fold">,
  signal: AbortSignal | undefined,
): Promise<void> {
  await writer.commit((state, { n, id }) => {
    const before = entryOf(generation);
    const old = state.live.find((one) => one.n === generation.n && entryOf(one).id === before.id);
    if (!old) return undefined;
    const live = state.live.map((one) => (one === old ? { ...old, key: keyId, stored: { n, id } } : one));
    return { kind: "rekeyed", live, ...stored };
  }, signal);
}

/** Stores the pieces of a manifest under the first key. @returns the manifest that names them */
async function moveFiles(
  lease: VaultLease,
  before: Manifest,
  writer: ChunkWriter,
  renamed: Renamed,
  signal: AbortSignal | undefined,
): Promise<Manifest> {
  const { context, session } = lease;
  const find = await knownPieces(lease, writer.keyId, signal);
  const placed = new Map<string, Location | PlacedPiece>();
  const isKnown = (piece: Piece): boolean =>
    renamed.get(nameOf(session, piece))?.every(({ hash }) => placed.has(hash) || find(hash)) ?? false;
  const reader = new ChunkReader(context, session);
  const pieces = before.files.flatMap((file) => file.pieces);
  for (const chunk of chunksOf(before)) {
    const needed = pieces.filter((piece) => piece.chunk === chunk && !isKnown(piece));
    if (needed.length === 0) continue;
    await writer.ready();
    const content = await reader.read(chunk, signal);
    for (const piece of needed) {
      if (isKnown(piece)) continue;
      const parts: { hash: string; bytes: number }[] = [];
      for (let at = 0; at < piece.bytes; at += writer.chunkBytes) {
        const end = Math.min(at + writer.chunkBytes, piece.bytes);
        const part = content.subarray(piece.offset + at, piece.offset + end);
        const hash = writer.hash(part);
        if (!find(hash)) placed.set(hash, await writer.place(hash, part));
        parts.push({ hash, bytes: part.length });
      }
      renamed.set(nameOf(session, piece), parts);
    }
  }
  await writer.finish();
  const partsOf = (piece: Piece): Piece[] =>
    (renamed.get(nameOf(session, piece)) ?? []).map(({ hash, bytes }) => {
      const location = placed.get(hash) ?? find(hash);
      if (!location) throw new Error("a piece was not stored");
      return { hash, bytes, ...locationOf(location) };
    });
  return { ...before, files: before.files.map((file) => ({ ...file, pieces: file.pieces.flatMap(partsOf) })) };
}

/** Finds pieces that are stored under the first key: uploads of this holder, and those of the current generation. */
async function knownPieces(
  { context, session, writer }: VaultLease,
  keyId: string | undefined,
  signal: AbortSignal | undefined,
): Promise<(hash: string) => Location | undefined> {
  const current = currentOf(writer.state);
  const manifest = current?.key === keyId && current ? await writer.generations.manifest(current, signal) : undefined;
  const known = new Map(manifest?.files.flatMap(({ pieces }) => pieces.map((piece) => [piece.hash, piece])));
  return (hash) => {
    const found = known.get(hash) ?? writer.memory.uploads.find(hash);
    return found && context.chunkTrust.isTrusted(chunkKey(session, found.chunk)) ? found : undefined;
  };
}

function nameOf(session: string, { chunk, offset, bytes }: Piece): string {
  return `${chunkKey(session, chunk)} ${offset} ${bytes}`;
}

/**
 * Encrypts what is left of the log anew, in its place and with the same content: holds, and entries for people. Newest
 * first, so that no plain entry ever follows an encrypted one.
 */
async function rekeyEntries(lease: VaultLease, keyId: string, signal: AbortSignal | undefined): Promise<number> {
  const { context, session, writer } = lease;
  const frames = context.frames(session);
  const numbers = (await writer.log.numbers(signal)).filter((n) => n < writer.state.n).sort((a, b) => b - a);
  let count = 0;
  for (const n of numbers) {
    const frame = await context.blobs.get(entryKey(session, n), { signal });
    if (!frame || keyOf(frame) === keyId) continue;
    try {
      const { content, layout } = await frames.decodeEntry(n, frame, `log entry ${n} of ${session}`);
      const anew = await frames.encode("entry", String(n), content, layout === RECORDS_LAYOUT ? layout : undefined);
      lease.assertHeld();
      await context.blobs.put(entryKey(session, n), anew, { signal });
      count++;
    } catch (error) {
      // A sweep removes it in time.
      if (!isVaultError(error, "CORRUPT")) throw error;
    }
  }
  return count;
}
