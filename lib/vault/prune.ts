import { type EntryName, entryOf } from "./entry.ts";
import { chunkFolder, entryKey, folderEpoch } from "./layout.ts";
import { sweepLeases } from "./lease/sweep.ts";
import type { VaultLease } from "./lease.ts";
import { distrustLostChunks, listChunks } from "./lost-chunks.ts";
import type { SessionWriter } from "./session-writer.ts";
import { entriesToSweep } from "./sweep-log.ts";
import { unlessCorrupt } from "./unless-corrupt.ts";

/** Entries are deleted in batches of at least this many, not at every save. */
const BATCH = 8;
/** How many keys one delete has at most. */
const KEYS_PER_DELETE = 64;

/** Prunes after a commit when there is a batch to delete. Never fails the commit; ends early when `signal` aborts. */
export async function pruneWhenDue(lease: VaultLease, signal?: AbortSignal): Promise<void> {
  const { memory, state } = lease.writer;
  if (memory.undeleted(state.dead).length < BATCH) return;
  try {
    await prune(lease, { sweep: memory.isSweepDue, signal });
  } catch (error) {
    if (signal?.aborted || lease.lost.aborted) return;
    lease.context.warn(`Could not remove old data of ${lease.session}; it will be tried again. ${String(error)}`);
  }
}

/**
 * Deletes the entries that the newest one calls dead: of each, first the chunks that no kept generation needs. With
 * `sweep`, also the leftovers of interrupted saves and prunes, those of earlier leases, and holds from more than a month
 * before. Chunks of kept generations that the backend has lost are noticed, and sent anew by the next save.
 * @returns whether it came to its end: `false` where it is not known well enough what is needed.
 * @throws `LEASE_LOST`
 */
export async function prune(
  lease: VaultLease,
  { sweep, signal }: { sweep: boolean; signal?: AbortSignal | undefined },
): Promise<boolean> {
  const { session, writer } = lease;
  await writer.confirm(signal);
  // An entry that is pending refers to chunks that no entry of the log does.
  if (!writer.pending.isEmpty) return false;
  const isWhole = (await missingEntries(lease, signal)).length === 0;
  const listed = isWhole ? await listChunks(lease, signal) : undefined;
  if (listed) await distrustLostChunks(lease, listed, signal);
  const needed = listed ? await neededChunks(writer, signal) : undefined;
  if (!listed || !needed) {
    await writer.look(signal);
    lease.context.warn(`Left old data of ${session} alone: a generation that should be there is not.`);
    return false;
  }
  const left = leftovers(session, listed, writer.folder);
  const dead = writer.memory.undeleted(writer.state.dead);
  // Generations share chunks: each is deleted once.
  const doomed = new Set<string>();
  for (const n of dead) {
    // Those of a damaged entry are found by a sweep.
    const keys = await writer.generations.keysAt(n, signal);
    for (const key of left) if (keys?.has(key)) doomed.add(key);
  }
  await deleteChunks(lease, unneeded(doomed, needed), signal);
  await deleteEntries(lease, dead, signal);
  if (!sweep) return true;
  await deleteEntries(lease, await entriesToSweep(writer, signal), signal);
  const others = left.filter((key) => !doomed.has(key));
  await deleteChunks(lease, unneeded(others, needed), signal);
  await sweepLeases(lease, signal);
  writer.memory.isSweepDue = false;
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

function unneeded(keys: Iterable<string>, needed: ReadonlySet<string>): string[] {
  return [...keys].filter((key) => !needed.has(key));
}

/**
 * The newest entry and the entries that it calls live, as far as the log does not have them. Where no other process has
 * taken the session, the backend has lost entries that it had confirmed (a fail-over to a copy that was behind): then no
 * chunk that was stored before is trusted, and the next save sends everything anew.
 * @throws `LEASE_LOST`
 */
async function missingEntries(
  { context, writer }: VaultLease,
  signal: AbortSignal | undefined,
): Promise<readonly EntryName[]> {
  const { log, generations, memory, state } = writer;
  const there = new Set(await log.numbers(signal));
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
  for (const generation of state.live) {
    const keys = await generations.keys(generation, signal);
    if (!keys) return undefined;
    for (const key of keys) needed.add(key);
  }
  return needed;
}

async function deleteChunks(
  lease: VaultLease,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let at = 0; at < keys.length; at += KEYS_PER_DELETE) {
    lease.assertHeld();
    const batch = keys.slice(at, at + KEYS_PER_DELETE);
    lease.writer.memory.uploads.giveUp(batch);
    await lease.context.blobs.delete(batch, { signal });
  }
}

async function deleteEntries(
  lease: VaultLease,
  numbers: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { context, session, writer } = lease;
  for (let at = 0; at < numbers.length; at += KEYS_PER_DELETE) {
    lease.assertHeld();
    const batch = numbers.slice(at, at + KEYS_PER_DELETE);
    const keys = batch.map((n) => entryKey(session, n));
    await context.blobs.delete(keys, { signal });
    for (const n of batch) {
      writer.memory.deleted.add(n);
      writer.generations.forget(n);
    }
  }
}
