import type { VaultContext } from "./context.ts";
import { chunkEpoch, entryKey, entryNumber, logPrefix } from "./layout.ts";
import type { VaultLease } from "./lease.ts";
import { distrustLost, listChunks } from "./lost-chunks.ts";
import { unlessCorrupt } from "./unless-corrupt.ts";

/** Entries are deleted in batches of at least this many, not at every save. */
const BATCH = 8;
/** Keys of one delete. */
const KEYS_PER_DELETE = 64;
/** How long `hold` entries stay: longer than any writer may be paused and still wake up. */
const HOLD_MS = 30 * 24 * 60 * 60 * 1000;

/** Housekeeping after a commit: never fails it, and ends early when `signal` aborts. */
export async function tidy(context: VaultContext, lease: VaultLease, signal?: AbortSignal): Promise<void> {
  if (lease.state.dead.filter((n) => !lease.deletedEntries.has(n)).length < BATCH) return;
  try {
    await prune(context, lease, { sweep: lease.sweepDue, signal });
  } catch (error) {
    if (signal?.aborted || lease.lost.aborted) return;
    context.warn(`Could not remove old data of ${lease.session}; it will be tried again. ${String(error)}`);
  }
}

/**
 * Deletes what the newest entry says is dead: chunks that no kept generation needs, then the entry. With `sweep`, also what interrupted
 * saves and prunes left behind, and holds of more than a month ago. What the backend has lost of the kept generations is
 * noticed on the way, and sent anew by the next save.
 */
export async function prune(
  context: VaultContext,
  lease: VaultLease,
  { sweep, signal }: { sweep: boolean; signal?: AbortSignal | undefined },
): Promise<void> {
  await lease.confirm(signal);
  // An entry that may still arrive refers to chunks that no entry in the log does.
  if (!lease.settled) return;
  const isWhole = await nothingIsMissing(context, lease, signal);
  const listed = isWhole ? await listChunks(context, lease.session, signal) : undefined;
  if (listed) await distrustLost(context, lease, listed, signal);
  const keep = listed ? await neededChunks(lease, signal) : undefined;
  if (!listed || !keep) {
    await lease.look(signal);
    context.warn(`Left old data of ${lease.session} alone: a generation that should be there is not.`);
    return;
  }
  const dead = lease.state.dead.filter((n) => !lease.deletedEntries.has(n));
  // Generations share chunks: each is deleted once.
  const doomed = new Set<string>();
  for (const n of dead) for (const key of await chunksOfDead(lease, n, signal)) doomed.add(key);
  await deleteChunks(context, lease, doomed, keep, signal);
  await deleteEntries(context, lease, dead, signal);
  if (!sweep) return;
  await sweepEntries(context, lease, signal);
  // A later epoch belongs to somebody who took the session meanwhile.
  const strays = [...listed].filter(
    (key) => (chunkEpoch(lease.session, key) ?? Number.POSITIVE_INFINITY) <= lease.epoch,
  );
  const left = strays.filter((key) => !doomed.has(key));
  await deleteChunks(context, lease, left, keep, signal);
  lease.sweepDue = false;
}

/**
 * Whether the newest entry and all that it calls live are in the log. Where they are not and nobody has taken the session,
 * the backend has lost what it had confirmed (a fail-over to a copy that was behind): then no chunk that was stored before
 * is relied on, and the next save sends everything anew.
 */
async function nothingIsMissing(
  context: VaultContext,
  lease: VaultLease,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const there = new Set(await lease.log.numbers(signal));
  const missing = [lease.state, ...lease.state.live].filter(({ n }) => !there.has(n));
  if (missing.every(({ n }) => lease.missedEntries.has(n))) return missing.length === 0;
  await lease.look(signal);
  for (const { n } of lease.state.live) {
    for (const key of (await unlessCorrupt(lease.generations.keys(n, signal))) ?? []) context.distrusted.add(key);
  }
  // Asked for by name as well: whatever is given up here is never restored.
  for (const { n } of missing) if (await isGone(lease, n, signal)) lease.missedEntries.add(n);
  return false;
}

async function isGone(lease: VaultLease, n: number, signal: AbortSignal | undefined): Promise<boolean> {
  // One that is damaged is there.
  return (await unlessCorrupt(lease.log.read(n, signal).then((entry) => entry === undefined))) ?? false;
}

/**
 * Keys of the chunks of all kept generations; `undefined` when one cannot be read: then somebody else holds the session
 * and has pruned it, and this holder knows too little to delete anything.
 */
async function neededChunks(lease: VaultLease, signal: AbortSignal | undefined): Promise<Set<string> | undefined> {
  const needed = new Set<string>();
  for (const { n } of lease.state.live) {
    const keys = await unlessCorrupt(lease.generations.keys(n, signal));
    if (!keys) return undefined;
    for (const key of keys) needed.add(key);
  }
  return needed;
}

async function chunksOfDead(lease: VaultLease, n: number, signal: AbortSignal | undefined): Promise<Iterable<string>> {
  // One that is damaged tells nothing of its chunks: a sweep finds them.
  return (await unlessCorrupt(lease.generations.keys(n, signal))) ?? [];
}

async function sweepEntries(context: VaultContext, lease: VaultLease, signal: AbortSignal | undefined): Promise<void> {
  const { session, state } = lease;
  const ages = new Map<number, number>();
  for await (const { key, modifiedAt } of context.blobs.list(logPrefix(session), { signal })) {
    const n = entryNumber(session, key);
    if (n !== undefined) ages.set(n, modifiedAt.getTime());
  }
  // By the backend's clock alone: what it wrote newest is the measure.
  const newest = [...ages.values()].reduce((latest, at) => Math.max(latest, at), 0);
  const live = new Set(state.live.map(({ n }) => n));
  const old = [...ages].filter(([n, at]) => n < state.n && !live.has(n) && newest - at > HOLD_MS).map(([n]) => n);
  await deleteEntries(context, lease, old, signal);
}

async function deleteChunks(
  { blobs }: VaultContext,
  lease: VaultLease,
  candidates: Iterable<string>,
  keep: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const keys = [...candidates].filter((key) => !keep.has(key));
  for (let at = 0; at < keys.length; at += KEYS_PER_DELETE) {
    lease.assertHeld();
    const batch = keys.slice(at, at + KEYS_PER_DELETE);
    lease.uploads.giveUp(batch);
    await blobs.delete(batch, { signal });
  }
}

async function deleteEntries(
  { blobs }: VaultContext,
  lease: VaultLease,
  numbers: readonly number[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let at = 0; at < numbers.length; at += KEYS_PER_DELETE) {
    lease.assertHeld();
    const batch = numbers.slice(at, at + KEYS_PER_DELETE);
    await blobs.delete(
      batch.map((n) => entryKey(lease.session, n)),
      { signal },
    );
    for (const n of batch) {
      lease.deletedEntries.add(n);
      lease.generations.forget(n);
    }
  }
}
