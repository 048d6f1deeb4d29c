import type { BlobStore } from "../../blobs.ts";
import { currentOf, entryOf } from "../entry.ts";
import { chunkKey, chunksPrefix, entryKey } from "../layout.ts";
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

async function hasEntries(
  { context, session, writer }: VaultLease,
  loose: readonly LooseEntry[],
  signal: AbortSignal,
): Promise<boolean> {
  const current = currentOf(writer.state);
  const needed = [...loose.map(({ n }) => n), ...(current ? [entryOf(current).n] : [])];
  const listed = new Set(await writer.log.numbers(signal));
  const missing = needed.filter((n) => !listed.has(n)).map((n) => entryKey(session, n));
  return await areThere(context.blobs, missing, signal);
}

async function hasParts(
  { context, session }: VaultLease,
  segments: readonly Segment[],
  signal: AbortSignal,
): Promise<boolean> {
  const listed = new Set<string>();
  for await (const { key } of context.blobs.list(chunksPrefix(session), { signal, keysOnly: true })) listed.add(key);
  const missing = partsOf({ segments })
    .map((part) => chunkKey(session, part))
    .filter((key) => !listed.has(key));
  return await areThere(context.blobs, missing, signal);
}

/** Whether the keys are there, although a listing lacks them: one that runs beside puts and deletes can. */
async function areThere(blobs: BlobStore, keys: readonly string[], signal: AbortSignal): Promise<boolean> {
  for (const key of keys) if ((await blobs.get(key, { signal })) === undefined) return false;
  return true;
}
