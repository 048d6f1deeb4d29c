import { currentOf, type Generation } from "../entry.ts";
import { keyOf } from "../frame.ts";
import { entryKey } from "../layout.ts";
import type { VaultLease } from "../lease.ts";
import type { Fold } from "./fold.ts";
import { readGeneration } from "./read-records.ts";
import { storeFold } from "./store-fold.ts";

/**
 * Stores the records of a generation under the first key, all of them together: of the current one also those that are in
 * no segment. To be called as {@link storeFold}.
 * @throws `CORRUPT` when a part of them is missing or damaged; `WRONG_KEY` when the key of a part was not given
 */
export async function rekeyFold(
  lease: VaultLease,
  generation: Generation,
  keyId: string,
  signal: AbortSignal | undefined,
): Promise<Fold> {
  const { context, writer } = lease;
  const { table, through } = await readGeneration(context, writer.log, writer.state, generation, signal);
  return await storeFold(lease, { table, segments: [], through, looseBytes: 0, isTorn: false, keyId }, signal);
}

/** Number of the current generation, when an entry after it that holds records of it is not encrypted with this key. */
export async function looseUnderOtherKey(
  { context, session, writer }: VaultLease,
  keyId: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const { records, n: newest } = writer.state;
  const current = currentOf(writer.state);
  if (!records || !current) return undefined;
  for (let n = records.through + 1; n <= newest; n++) {
    const frame = await context.blobs.get(entryKey(session, n), { signal });
    if (frame && keyOf(frame) !== keyId) return current.n;
  }
  return undefined;
}
