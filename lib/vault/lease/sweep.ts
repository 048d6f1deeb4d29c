import { batchesOf } from "../delete-batches.ts";
import { folderEpoch, leaseFolder } from "../layout.ts";
import type { VaultLease } from "../lease.ts";

/**
 * Deletes what earlier holders have left of their leases: renewals that took effect late, and those of killed processes.
 * @param keys of all leases that are stored
 */
export async function sweepLeases(
  { context, session, epoch }: VaultLease,
  keys: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  // A lease of the same epoch in another folder may be alive: the store has lost a hold then.
  const left = keys.filter((key) => (folderEpoch(leaseFolder(session, key)) ?? epoch) < epoch);
  for (const batch of batchesOf(left)) await context.blobs.delete(batch, { signal });
}
