import { tell } from "../diagnostics/channels.ts";
import { tellError } from "../diagnostics/observe.ts";
import { VaultError } from "../errors.ts";
import { batchesOf } from "./delete-batches.ts";
import { type EntryName, entryOf, type LogState } from "./entry.ts";
import type { Draft, EntryFacts } from "./entry-draft.ts";
import { withoutOverdue } from "./kept-until.ts";
import { chunkFolder, entryKey, folderEpoch } from "./layout.ts";
import { sweepLeases } from "./lease/sweep.ts";
import type { VaultLease } from "./lease.ts";
import { bytesIn, distrustLostChunks } from "./lost-chunks.ts";
import { NewestProof } from "./newest-proof.ts";
import { retain } from "./retention.ts";
import type { SessionWriter } from "./session-writer.ts";
import { listSession } from "./stored-keys.ts";
import { entriesToSweep } from "./sweep-log.ts";
import { trustedTime } from "./trusted-time.ts";
import { unlessCorrupt } from "./unless-corrupt.ts";

/** Entries are deleted in batches of at least this many, not at every save. */
const BATCH = 8;
/** Prunes after a commit when there is a batch to delete. Never fails the commit; ends early when `signal` aborts. */
export async function pruneWhenDue(lease: VaultLease, signal?: AbortSignal): Promise<void> {
  const { memory, state } = lease.writer;
  if (memory.undeleted(state.dead).length < BATCH) return;
  await tryPrune(lease, signal);
}

/**
 * Prunes before a save of `bytes` uploads anything, when so much is stored that most of it must be of saves that never
 * committed: no later commit may come that would prune it.
 * @throws when no entry can be stored and one is pending, whose chunks cannot be removed: nothing more is uploaded then.
 */
export async function makeRoom(lease: VaultLease, bytes: number, signal?: AbortSignal): Promise<void> {
  const { writer } = lease;
  if (!writer.memory.hasGrown(bytes)) return;
  await settlePending(writer, signal);
  await tryPrune(lease, signal);
}

/**
 * As {@link prune}, for a caller that has to know that it came to its end: no append is pending any more, unless one was
 * sent meanwhile.
 */
export async function pruneSettled(lease: VaultLease, signal?: AbortSignal): Promise<boolean> {
  await settlePending(lease.writer, signal);
  return await prune(lease, signal);
}

/** As {@link pruneSettled}. @throws `UNAVAILABLE` as well when it did not come to its end */
export async function pruneWhole(lease: VaultLease, signal?: AbortSignal): Promise<void> {
  if (!(await pruneSettled(lease, signal))) throw notDeleted(lease.session);
}

/** What a caller is told that nothing may be left for. */
export function notDeleted(session: string): VaultError {
  const hint = "The store has lost something, or an entry was on its way at this moment.";
  return new VaultError("UNAVAILABLE", `Could not delete what was stored of ${session}: call it again.`, {
    hint,
  });
}

/** As {@link prune}, of the generations as well that are not to be kept any more. */
export async function pruneOverdue(lease: VaultLease, signal?: AbortSignal): Promise<boolean> {
  const { writer } = lease;
  // A pending save may take effect later.
  await writer.commit((state, next) => draftRetained(lease, state, next), signal, { isFinal: false });
  return await prune(lease, signal);
}

function draftRetained(lease: VaultLease, state: LogState, next: EntryFacts): Draft | undefined {
  const { live, content, records } = state;
  const time = trustedTime(state, next);
  const kept = withoutOverdue(state, time);
  if (kept.length === 0 && live.length > 0) return { kind: "retained", content: 0, live: [] };
  const retained = records ? kept : retain(kept, content, lease.context.options, time);
  return retained.length < live.length ? { kind: "retained", live: retained } : undefined;
}

/** An entry that changes nothing takes the number of an append that is pending. */
async function settlePending(writer: SessionWriter, signal: AbortSignal | undefined): Promise<void> {
  if (!writer.pending.isEmpty) await writer.settle(signal);
}

async function tryPrune(lease: VaultLease, signal: AbortSignal | undefined): Promise<void> {
  try {
    await prune(lease, signal);
  } catch (error) {
    if (signal?.aborted || lease.lost.aborted) return;
    tellError("prune", { session: lease.session, store: lease.context.kind }, error);
    lease.context.warn(`Could not remove old data of ${lease.session}; it will be tried again. ${String(error)}`);
  }
}

/**
 * Deletes the chunks of this holder and of earlier ones that no kept generation needs, also those of saves that never
 * committed, then the entries that the newest one calls dead, and the entries and leases that nobody needs any more. Chunks
 * of kept generations that the backend has lost are noticed, and sent anew by the next save.
 * @returns whether it came to its end: `false` where it is not known well enough what is needed.
 * @throws `LEASE_LOST`
 */
export async function prune(lease: VaultLease, signal?: AbortSignal): Promise<boolean> {
  const { session, writer } = lease;
  const began = performance.now();
  const tellPruned = (complete: boolean, removed = { chunks: 0, entries: 0 }): void => {
    const ms = performance.now() - began;
    tell("prune", () => ({ session, store: lease.context.kind, complete, ...removed, ms }));
  };
  const state = await writer.confirm(signal);
  // An entry that is pending refers to chunks that no entry of the log does.
  if (!state) return false;
  const asked = NewestProof.now(lease.context.clock);
  const { entries, chunks, leases } = await listSession(lease, signal);
  await writer.listed(entries, asked, signal);
  const isWhole = (await missingEntries(lease, state, new Set(entries), signal)).length === 0;
  if (isWhole) await distrustLostChunks(lease, chunks, signal);
  const needed = isWhole ? await neededChunks(writer, signal) : undefined;
  if (!needed) {
    await writer.look(signal);
    lease.context.warn(`Left old data of ${session} alone: a generation that should be there is not.`);
    tellPruned(false);
    return false;
  }
  const left = leftovers(session, chunks.keys(), writer.folder).filter((key) => !needed.has(key));
  await deleteChunks(lease, left, signal);
  const dead = writer.memory.undeleted(writer.state.dead);
  await deleteEntries(lease, dead, signal);
  const swept = await entriesToSweep(writer, entries, signal);
  await deleteEntries(lease, swept, signal);
  await sweepLeases(lease, leases, signal);
  for (const key of left) chunks.delete(key);
  writer.memory.pruned(bytesIn(chunks));
  tellPruned(true, { chunks: left.length, entries: dead.length + swept.length });
  return true;
}

/**
 * The chunks among `listed` that the holder with this folder, or one of an earlier epoch, has uploaded. A chunk of the same
 * epoch in another folder is of a holder that may be alive, since the store has lost a hold.
 */
export function leftovers(session: string, listed: Iterable<string>, folder: string): string[] {
  const own = folderEpoch(folder) ?? 0;
  const isLeft = (of: string): boolean => of === folder || (folderEpoch(of) ?? own) < own;
  return [...listed].filter((key) => isLeft(chunkFolder(session, key)));
}

/**
 * The entry of `state` and the entries that it calls live, as far as the log does not have them; it has listed the numbers
 * in `there` when that entry was the newest one. Where no other process has taken the session, the backend has lost
 * entries that it had confirmed (a fail-over to a copy that was behind): then no chunk that was stored before is trusted,
 * and the next save sends everything anew.
 * @throws `LEASE_LOST`
 */
async function missingEntries(
  { context, writer }: VaultLease,
  state: LogState,
  there: ReadonlySet<number>,
  signal: AbortSignal | undefined,
): Promise<readonly EntryName[]> {
  const { log, generations, memory } = writer;
  // A damaged entry is there.
  const isGone = async ({ n, id }: EntryName): Promise<boolean> =>
    (await unlessCorrupt(log.read(n, signal).then((entry) => entry?.id !== id))) ?? false;
  const live = state.live.map(entryOf);
  const missing: EntryName[] = [state, ...live].filter(({ n }) => !there.has(n));
  for (const one of live) {
    if (there.has(one.n) && !(await generations.keys(one, signal)) && (await isGone(one))) missing.push(one);
  }
  if (missing.every(({ n }) => memory.missing.has(n))) return missing;
  await writer.look(signal);
  for (const one of live) context.chunkTrust.distrust((await generations.keys(one, signal)) ?? []);
  // Read as well as listed: an entry that is given up here is never restored.
  for (const one of missing) if (await isGone(one)) memory.missing.add(one.n);
  return missing;
}

/**
 * Keys of the chunks of all kept generations; `undefined` when a generation cannot be read: then another process has
 * taken the session and pruned it, and this holder knows too little to delete anything.
 */
async function neededChunks(
  { state, generations }: SessionWriter,
  signal: AbortSignal | undefined,
): Promise<Set<string> | undefined> {
  const needed = new Set<string>();
  for (const generation of [...state.live, ...(state.records?.tails ?? [])]) {
    const keys = await generations.keys(generation, signal);
    if (!keys) return undefined;
    for (const key of keys) needed.add(key);
  }
  return needed;
}

/** Deletes chunks that nothing needs any more. @throws `LEASE_LOST` */
export async function deleteChunks(
  lease: VaultLease,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const batch of batchesOf(keys)) {
    lease.assertHeld();
    lease.writer.memory.uploads.giveUp(batch);
    await lease.context.blobs.delete(batch, { signal });
  }
}

/** Deletes entries of the log. @throws `LEASE_LOST` */
export async function deleteEntries(
  lease: VaultLease,
  numbers: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { context, session, writer } = lease;
  writer.memory.forgetDeleted(writer.state.dead);
  for (const batch of batchesOf(numbers)) {
    lease.assertHeld();
    const keys = batch.map((n) => entryKey(session, n));
    await context.blobs.delete(keys, { signal });
    for (const n of batch) {
      writer.memory.deleted.add(n);
      writer.generations.forget(n);
    }
  }
}
