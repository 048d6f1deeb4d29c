import { chunksPrefix, entryNumber, leasesPrefix, sessionPrefix } from "./layout.ts";
import type { VaultLease } from "./lease.ts";

/** The keys of a session that one listing has shown. */
export interface StoredKeys {
  /** Numbers of all entries of the log, in no order. */
  readonly entries: readonly number[];
  /** Bytes of all chunks, by key. */
  readonly chunks: Map<string, number>;
  /** Keys of all leases. */
  readonly leases: readonly string[];
}

/** Lists all keys of the session at once: three listings would be three requests. */
export async function listSession(
  { context, session }: Pick<VaultLease, "context" | "session">,
  signal?: AbortSignal,
): Promise<StoredKeys> {
  const entries: number[] = [];
  const chunks = new Map<string, number>();
  const leases: string[] = [];
  for await (const { key, size } of context.blobs.list(sessionPrefix(session), { signal })) {
    const n = entryNumber(session, key);
    if (n !== undefined) entries.push(n);
    else if (key.startsWith(chunksPrefix(session))) chunks.set(key, size);
    else if (key.startsWith(leasesPrefix(session))) leases.push(key);
  }
  return { entries, chunks, leases };
}
