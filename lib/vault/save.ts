import { pathProblem } from "../disk/safe-paths.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { Capture, SaveReport } from "../store.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import type { VaultContext } from "./context.ts";
import { encodeManifest, type Generation, type LogState } from "./entry.ts";
import type { Draft, EntryFacts } from "./entry-draft.ts";
import { pairingHash } from "./hash.ts";
import type { VaultLease } from "./lease.ts";
import { checkEarlierChunks } from "./lost-chunks.ts";
import { bytesOf, type Chunk, chunksOf, type Manifest, sameContent } from "./manifest.ts";
import { placeFiles } from "./place-files.ts";
import { pruneWhenDue } from "./prune.ts";
import { retain } from "./retention.ts";
import type { SessionWriter } from "./session-writer.ts";

/** A manifest of more bytes is stored in chunks, so that entries stay quick to read. */
const INLINE_MANIFEST_BYTES = 256 * 1024;
/** Bytes that an entry may need beside its manifest. */
const ENTRY_ROOM = 32 * 1024;

/** What {@link saveCapture} takes. */
export interface SaveOptions {
  readonly capture: Capture;
  readonly lease: VaultLease;
  readonly wid?: string | undefined;
  readonly beforeCommit?: (() => void) | undefined;
  /** Whether the profile did not verify: its generation is current only where there is no better one. @default false */
  readonly suspect?: boolean | undefined;
  /** Whether a profile without a session is kept as suspect where there is a good one, instead of refused. @default false */
  readonly mayBeEmpty?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Commits the capture as a new generation, unless it is the current one. */
export async function saveCapture(context: VaultContext, options: SaveOptions): Promise<SaveReport> {
  const { capture, lease, beforeCommit, signal } = options;
  const began = performance.now();
  const { session, writer } = lease;
  const { memory } = writer;
  const problem = pathProblem(capture.files.map(({ path }) => path));
  if (problem !== undefined) throw new VaultError("INVALID", `Could not save ${session}: ${problem}.`);
  await writer.resolvePending(signal);
  refuseEmpty(writer.state, options);
  const previous = await currentManifest(context, writer, signal);
  if (previous) await checkEarlierChunks(context, lease, previous, signal);
  const chunkBytes = await context.chunkBytes(signal);
  const chunks = new ChunkWriter({ context, session, uploads: memory.uploads, chunkBytes, signal });
  let manifest: Manifest;
  let manifestChunks: Chunk[] | undefined;
  try {
    const { chunkTrust } = context;
    const files = await placeFiles({
      session,
      capture,
      memory,
      previous,
      writer: chunks,
      chunkBytes,
      chunkTrust,
      signal,
    });
    const { profile, live, takenAt, spreadMs } = capture;
    manifest = { profile, live, takenAt: takenAt.getTime(), spreadMs, files };
    const current = currentOf(writer.state);
    // Chunks that were sent although the content is the same replace damaged ones, or ones that are mostly unused.
    const isSame = chunks.sent.size === 0 && isUnchanged(writer.state, current, previous, manifest, options);
    if (current && isSame && (await hasTrustedChunks(context, writer, current))) {
      return { ...report(options, manifest, chunks, began), generation: current.n, id: current.id, unchanged: true };
    }
    manifestChunks = await placeManifest(manifest, chunks, chunkBytes);
  } catch (error) {
    await chunks.abandon(error);
    throw error;
  }
  lease.assertHeld();
  beforeCommit?.();
  const entryBytes = await writer.commit((state, next) => {
    refuseEmpty(state, options);
    return draftSave(context, state, newGeneration(state, next, manifest, options), manifest, manifestChunks);
  }, signal);
  const { content, live } = writer.state;
  await pruneWhenDue(context, lease, signal);
  const { bytesSent, ...rest } = report(options, manifest, chunks, began);
  const id = live.find(({ n }) => n === content)?.id ?? "";
  return { ...rest, bytesSent: bytesSent + entryBytes, generation: content, id, unchanged: false };
}

function currentOf({ live, content }: LogState): Generation | undefined {
  return live.find(({ n }) => n === content);
}

/** Whether no browser could be linked after starting from it. */
function isEmpty({ files, profile }: Capture): boolean {
  return files.length === 0 || (profile.indexedDb === undefined && profile.localStorage === undefined);
}

/** @throws `INVALID` when a capture without a session would take the place of one. */
function refuseEmpty({ content }: LogState, { capture, lease, mayBeEmpty }: SaveOptions): void {
  if (mayBeEmpty || content === 0 || !isEmpty(capture)) return;
  throw new VaultError("INVALID", `Could not save ${lease.session}: the capture carries no storage of WhatsApp Web.`, {
    hint: "The stored session stays as it is. Capture the profile of a browser that is linked; `delete` is for a session that ended.",
  });
}

/** Decided by the state that the entry follows: a good generation may have arrived late. */
function isSuspect(state: LogState, { capture, suspect }: SaveOptions): boolean {
  if (suspect) return true;
  const current = currentOf(state);
  return isEmpty(capture) && current !== undefined && !current.suspect && !state.deleted;
}

function report(
  { capture }: SaveOptions,
  manifest: Manifest,
  { bytesSent, sent }: ChunkWriter,
  began: number,
): Omit<SaveReport, "generation" | "id" | "unchanged"> {
  return {
    files: manifest.files.length,
    bytes: bytesOf(manifest),
    bytesSent,
    chunksSent: sent.size,
    chunksReused: [...chunksOf(manifest)].filter((chunk) => !sent.has(chunk)).length,
    captureMs: capture.captureMs,
    ms: Math.round(performance.now() - began),
  };
}

function draftSave(
  { options: { keep, retainDeletedMs } }: VaultContext,
  state: LogState,
  generation: Generation,
  manifest: Manifest,
  manifestChunks: readonly Chunk[] | undefined,
): Draft {
  const current = currentOf(state);
  const isWorse = generation.suspect && !state.deleted && current && !current.suspect;
  const content = isWorse ? current.n : generation.n;
  const live = retain([...state.live, generation], content, { keep, retainMs: retainDeletedMs, now: generation.at });
  const since = state.deleted ? generation.n : state.since;
  return {
    kind: "save",
    content,
    live,
    since,
    deleted: undefined,
    manifest,
    ...(manifestChunks ? { manifestChunks } : {}),
  };
}

/** Stores a manifest that is too large for an entry. @returns its chunks, `undefined` when it fits */
async function placeManifest(
  manifest: Manifest,
  writer: ChunkWriter,
  chunkBytes: number,
): Promise<Chunk[] | undefined> {
  const bytes = encodeManifest(manifest);
  if (bytes.length <= Math.min(INLINE_MANIFEST_BYTES, chunkBytes - ENTRY_ROOM)) return undefined;
  const chunks: Chunk[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    chunks.push(await writer.placeAlone(bytes.subarray(at, at + chunkBytes)));
  }
  await writer.finish();
  return chunks;
}

/** The current manifest; `undefined` also when it is damaged: then everything is sent anew, which repairs it. */
async function currentManifest(
  context: VaultContext,
  { session, state, generations }: SessionWriter,
  signal: AbortSignal | undefined,
): Promise<Manifest | undefined> {
  const { content } = state;
  if (content === 0) return undefined;
  try {
    return await generations.manifest(content, signal);
  } catch (error) {
    if (!isVaultError(error, "CORRUPT")) throw error;
    context.warn(`Generation ${content} of ${session} is damaged; this save sends everything anew. ${error.message}`);
    return undefined;
  }
}

/** Whether nothing is known to be wrong with the generation's chunks, those of its manifest included. */
async function hasTrustedChunks(
  { chunkTrust }: VaultContext,
  { generations }: SessionWriter,
  { n }: Generation,
): Promise<boolean> {
  return chunkTrust.areTrusted((await generations.keys(n)) ?? []);
}

/** Whether a new generation would say nothing that the current one does not. */
function isUnchanged(
  state: LogState,
  current: Generation | undefined,
  previous: Manifest | undefined,
  manifest: Manifest,
  { wid, suspect = false }: SaveOptions,
): boolean {
  return (
    !state.deleted &&
    current !== undefined &&
    previous !== undefined &&
    sameContent(previous, manifest) &&
    (wid === undefined || current.pairing === pairingHash(state.salt, wid)) &&
    (suspect || !current.suspect)
  );
}

function newGeneration(
  state: LogState,
  { n, id, at }: EntryFacts,
  manifest: Manifest,
  options: SaveOptions,
): Generation {
  const { wid } = options;
  return {
    n,
    id,
    at,
    bytes: bytesOf(manifest),
    files: manifest.files.length,
    ...(wid === undefined ? {} : { pairing: pairingHash(state.salt, wid) }),
    ...(isSuspect(state, options) ? { suspect: true } : {}),
  };
}
