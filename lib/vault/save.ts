import { pathProblem } from "../disk/safe-paths.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { Capture, SaveProfileOptions, SaveReport } from "../store.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { currentOf, encodeManifest, type Generation, type LogState } from "./entry.ts";
import type { Draft, EntryFacts } from "./entry-draft.ts";
import { pairingHash } from "./hash.ts";
import { keptFor, laterOf, withoutOverdue } from "./kept-until.ts";
import type { VaultLease } from "./lease.ts";
import { checkEarlierChunks } from "./lost-chunks.ts";
import { bytesOf, CHECKS, type Chunk, chunksOf, type Manifest, sameContent } from "./manifest.ts";
import { placeFiles } from "./place-files.ts";
import { makeRoom, pruneWhenDue } from "./prune.ts";
import { refuseRecords } from "./restore.ts";
import { retain } from "./retention.ts";
import { trustedTime } from "./trusted-time.ts";

/** A manifest of more bytes is stored in chunks, so that entries stay quick to read. */
const INLINE_MANIFEST_BYTES = 256 * 1024;
/** Bytes that an entry may need beside its manifest. */
const ENTRY_ROOM = 32 * 1024;

/** What {@link saveCapture} takes. */
export interface SaveOptions extends Omit<SaveProfileOptions, "session"> {
  lease: VaultLease;
  /** Whether the profile did not verify: its generation is current only where there is no better one. @default false */
  suspect?: boolean | undefined;
  /** Whether a profile without a session is kept as suspect where there is a good one, instead of refused. @default false */
  mayBeEmpty?: boolean | undefined;
  /** Id of the generation that must be the current one, `null` where there must be none. @default any */
  current?: string | null | undefined;
}

/** What a save has stored before its commit. */
interface Saved {
  readonly manifest: Manifest;
  readonly manifestChunks: readonly Chunk[] | undefined;
  /** Id of the key that it was encrypted with; `undefined` without encryption. */
  readonly keyId: string | undefined;
}

/** Commits the capture as a new generation, unless it is the current one. */
export async function saveCapture(options: SaveOptions): Promise<SaveReport> {
  const { capture, lease, signal } = options;
  const began = performance.now();
  const { context, session, writer } = lease;
  const beforeCommit = once(options.beforeCommit);
  const problem = pathProblem(capture.files.map(({ path }) => path));
  if (problem !== undefined) throw new VaultError("INVALID", `Could not save ${session}: ${problem}.`);
  await writer.catchUp(signal);
  refuseRecords(session, writer.state);
  refuseChanged(writer.state, options);
  refuseEmpty(writer.state, options);
  const base = currentOf(writer.state);
  const previous = base && (await manifestOf(lease, base, signal));
  await checkEarlierChunks(lease, base && previous && { name: base, manifest: previous }, signal);
  await makeRoom(
    lease,
    capture.files.reduce((sum, { size }) => sum + size, 0),
    signal,
  );
  const chunks = await ChunkWriter.open(lease, signal, previous === undefined);
  let manifest: Manifest;
  let manifestChunks: Chunk[] | undefined;
  try {
    const stored = base && previous && (await writer.generations.keys(base, signal));
    const current = previous && stored && { manifest: previous, keys: stored };
    const files = await placeFiles(capture, lease, current, chunks, signal);
    const { profile, live, takenAt, spreadMs, verified } = capture;
    const facts = { profile, live, takenAt: takenAt.getTime(), spreadMs };
    // Not that of a suspect capture, nor any value that is no boolean.
    manifest = { ...facts, ...(verified === true && !options.suspect ? { verified: CHECKS } : {}), files };
    // Chunks that were sent although the content is the same replace damaged ones, or ones that are mostly unused.
    const isSame = chunks.sent.size === 0 && previous !== undefined && sameContent(previous, manifest);
    // Those of its manifest included.
    const keys = base && isSame && base.key === chunks.keyId ? await writer.generations.keys(base) : undefined;
    if (base && keys && context.chunkTrust.areTrusted(keys) && isCurrent(base, writer.state, options)) {
      if (!writer.pending.isEmpty) beforeCommit();
      const bytesSent = await writer.settle(signal);
      // Otherwise an earlier save of this holder has arrived meanwhile, and is current.
      if (isCurrent(base, writer.state, options)) {
        const { n: generation, id } = base;
        return { ...report(options, manifest, chunks, began), bytesSent, generation, id, unchanged: true };
      }
    }
    manifestChunks = await placeManifest(manifest, chunks);
  } catch (error) {
    await chunks.abandon(error);
    throw error;
  }
  lease.assertHeld();
  beforeCommit();
  const entryBytes = await writer.commit((state, next) => {
    refuseChanged(state, options);
    refuseEmpty(state, options);
    return draftSave(state, next, { manifest, manifestChunks, keyId: chunks.keyId }, options);
  }, signal);
  const { state } = writer;
  await pruneWhenDue(lease, signal);
  const { bytesSent, ...rest } = report(options, manifest, chunks, began);
  const id = currentOf(state)?.id ?? "";
  return { ...rest, bytesSent: bytesSent + entryBytes, generation: state.content, id, unchanged: false };
}

/** @throws `CONFLICT` when another generation is the current one than the caller has seen */
function refuseChanged(state: LogState, { lease, current }: SaveOptions): void {
  const id = state.deleted ? undefined : currentOf(state)?.id;
  if (current === undefined || (id ?? null) === current) return;
  throw new VaultError("CONFLICT", `Could not save ${lease.session}: another version has become the current one.`, {
    hint: "It was stored a moment ago, and stays the current one. Look at it before you replace it.",
  });
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

/** Decided by the state that the entry follows: a good generation may have arrived late. */
function draftSave(
  state: LogState,
  next: EntryFacts,
  { manifest, manifestChunks, keyId }: Saved,
  { capture, lease, wid, suspect }: SaveOptions,
): Draft {
  const { n, id, at } = next;
  const current = currentOf(state);
  const better = current && !current.suspect && !state.deleted ? current : undefined;
  const isSuspect = suspect || (isEmpty(capture) && better !== undefined);
  const generation: Generation = {
    n,
    id,
    at,
    bytes: bytesOf(manifest),
    files: manifest.files.length,
    ...(wid === undefined ? {} : { pairing: pairingHash(state.salt, wid) }),
    ...(isSuspect ? { suspect: true } : {}),
    ...(keyId === undefined ? {} : { key: keyId }),
    uptimeMs: next.uptimeMs,
  };
  const content = isSuspect && better ? better.n : n;
  const time = trustedTime(state, next);
  return {
    kind: "save",
    content,
    live: retain([...withoutOverdue(state, time), generation], content, lease.context.options, time),
    ...(state.deleted ? newLink(state, state.deleted, next) : {}),
    manifest,
    ...(manifestChunks ? { manifestChunks } : {}),
  };
}

/** The link before was deleted: its generations stay for as long as the deletion said, from now on. */
export function newLink(
  state: LogState,
  { at, until }: NonNullable<LogState["deleted"]>,
  next: EntryFacts,
): Omit<Draft, "kind"> {
  const kept = keptFor(until - at, trustedTime(state, next));
  return { since: next.n, earlier: laterOf(state.earlier, kept), deleted: undefined };
}

/** Stores a manifest that is too large for an entry. @returns its chunks, `undefined` when it fits */
export async function placeManifest(manifest: Manifest, writer: ChunkWriter): Promise<Chunk[] | undefined> {
  const { chunkBytes } = writer;
  const bytes = encodeManifest(manifest);
  if (bytes.length <= Math.min(INLINE_MANIFEST_BYTES, chunkBytes - ENTRY_ROOM)) return undefined;
  const chunks: Chunk[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    chunks.push(await writer.placeAlone(bytes.subarray(at, at + chunkBytes)));
  }
  await writer.finish();
  return chunks;
}

/** The manifest of a generation; `undefined` also when it is damaged: then everything is sent anew, which repairs it. */
async function manifestOf(
  { context, session, writer }: VaultLease,
  generation: Generation,
  signal: AbortSignal | undefined,
): Promise<Manifest | undefined> {
  try {
    return await writer.generations.manifest(generation, signal);
  } catch (error) {
    if (!isVaultError(error, "CORRUPT")) throw error;
    const why = `Generation ${generation.n} of ${session} is damaged; this save sends everything anew.`;
    context.warn(`${why} ${error.message}`);
    return undefined;
  }
}

/** Whether `generation` is the current one, and a new one with the same content would say nothing more. */
function isCurrent({ id, pairing }: Generation, state: LogState, { wid, suspect = false }: SaveOptions): boolean {
  const current = currentOf(state);
  return (
    !state.deleted &&
    current?.id === id &&
    (wid === undefined || pairing === pairingHash(state.salt, wid)) &&
    (suspect || !current.suspect)
  );
}

function once(work: (() => void) | undefined): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work?.();
    isDone = true;
  };
}
