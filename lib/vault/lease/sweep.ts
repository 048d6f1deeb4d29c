import { batchesOf } from "../delete-batches.ts";
import { folderEpoch, leaseFolder, leasesPrefix } from "../layout.ts";
import type { VaultLease } from "../lease.ts";

/** Deletes what earlier holders have left of their leases: renewals that took effect late, and those of killed processes. */
export async function sweepLeases({ context, session, epoch }: VaultLease, signal?: AbortSignal): Promise<void> {
  const { blobs } = context;
  const keys: string[] = [];
  for await (const { key } of blobs.list(leasesPrefix(session), { signal, keysOnly: true })) {
    // A lease of the same epoch in another folder may be alive: the store has lost a hold then.
    if ((folderEpoch(leaseFolder(session, key)) ?? epoch) < epoch) keys.push(key);
  }
  for (const batch of batchesOf(keys)) await blobs.delete(batch, { signal });
}
