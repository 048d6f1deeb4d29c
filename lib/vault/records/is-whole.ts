import { currentOf, entryOf } from "../entry.ts";
import { chunkKey, chunksPrefix } from "../layout.ts";
import type { VaultLease } from "../lease.ts";
import { partsOf, type Segment } from "./fold.ts";
import type { LooseEntry } from "./read-records.ts";

/**
 * Whether the store has every entry and every part that an open would read. A store can lose what it has confirmed: a Redis
 * that is killed, what it had not written to its disk; a fail-over, what was not copied.
 * @param loose entries of this holder, or of those before it, that are in the log
 */
export async function isWhole(
  { context, session, writer }: VaultLease,
  loose: readonly LooseEntry[],
  segments: readonly Segment[],
  signal: AbortSignal,
): Promise<boolean> {
  const current = currentOf(writer.state);
  const numbers = new Set(await writer.log.numbers(signal));
  if (!loose.every(({ n }) => numbers.has(n)) || (current && !numbers.has(entryOf(current).n))) return false;
  const keys = new Set<string>();
  for await (const { key } of context.blobs.list(chunksPrefix(session), { signal, keysOnly: true })) keys.add(key);
  return partsOf({ segments }).every((part) => keys.has(chunkKey(session, part)));
}
