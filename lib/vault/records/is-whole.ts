import { currentOf, entryOf } from "../entry.ts";
import { chunkKey, chunksPrefix } from "../layout.ts";
import type { VaultLease } from "../lease.ts";
import { partsOf, type Segment } from "./fold.ts";
import type { LooseEntry } from "./read-records.ts";

/**
 * Whether the store has every entry and every part that an open would read. A store can lose what it has confirmed: a Redis
 * that is killed, what it had not written to its disk; a fail-over, what was not copied.
 * @param loose entries of this holder, or of those before it, that are in the log
 * @throws `LEASE_LOST` when another process has taken the session: it may have put together, and deleted, what is missing
 */
export async function isWhole(
  lease: VaultLease,
  loose: readonly LooseEntry[],
  segments: readonly Segment[],
  signal: AbortSignal,
): Promise<boolean> {
  const hasAll = (await hasEntries(lease, loose, signal)) && (await hasParts(lease, segments, signal));
  if (!hasAll) await lease.writer.look(signal);
  return hasAll;
}

async function hasEntries({ writer }: VaultLease, loose: readonly LooseEntry[], signal: AbortSignal): Promise<boolean> {
  const current = currentOf(writer.state);
  const numbers = new Set(await writer.log.numbers(signal));
  return loose.every(({ n }) => numbers.has(n)) && (!current || numbers.has(entryOf(current).n));
}

async function hasParts(
  { context, session }: VaultLease,
  segments: readonly Segment[],
  signal: AbortSignal,
): Promise<boolean> {
  const keys = new Set<string>();
  for await (const { key } of context.blobs.list(chunksPrefix(session), { signal, keysOnly: true })) keys.add(key);
  return partsOf({ segments }).every((part) => keys.has(chunkKey(session, part)));
}
