import type { VaultContext } from "./context.ts";
import { chunksPrefix } from "./layout.ts";
import type { VaultLease } from "./lease.ts";
import { chunksOf, type Manifest } from "./manifest.ts";
import { unlessCorrupt } from "./unless-corrupt.ts";

/** Leases under which the chunks of those before were looked for. */
const looked = new WeakSet<VaultLease>();

/** Keys of all chunks that the backend shows. */
export async function listChunks(
  { blobs }: VaultContext,
  session: string,
  signal: AbortSignal | undefined,
): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const { key } of blobs.list(chunksPrefix(session), { signal })) keys.add(key);
  return keys;
}

/**
 * Distrusts what the kept generations need and `listed` does not show: the next save sends it anew. Nothing is ever
 * deleted for it. To be called while this holder uploads nothing.
 */
export async function distrustLost(
  context: VaultContext,
  lease: VaultLease,
  listed: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const lost = new Set<string>();
  const damaged: number[] = [];
  for (const { n } of lease.state.live) {
    const keys = await unlessCorrupt(lease.generations.keys(n, signal));
    const missing = [...(keys ?? [])].filter((key) => !listed.has(key));
    if (missing.length > 0) damaged.push(n);
    for (const key of missing) lost.add(key);
  }
  if (lost.size === 0) return;
  // Whoever has taken the session meanwhile may have pruned them.
  await lease.look(signal);
  const news = [...lost].filter((key) => !context.distrusted.has(key));
  for (const key of lost) context.distrusted.add(key);
  if (news.length === 0) return;
  context.warn(
    `The store has lost chunks of ${lease.session} (${news.length}; the first is ${news[0]}). Not whole without them: generation ${damaged.join(", ")}. The next save sends anew what the profile still has of them. Find what removes keys there: an expiry rule, an eviction, a fail-over to a copy that was behind.`,
  );
}

/**
 * Once per lease, before a save relies on chunks that holders before this one stored: whether the backend still has them.
 * Never fails the save but by what ends it anyway.
 */
export async function lookForLost(
  context: VaultContext,
  lease: VaultLease,
  current: Manifest,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (looked.has(lease) || [...chunksOf(current)].every(({ epoch }) => epoch === lease.epoch)) return;
  try {
    const listed = await listChunks(context, lease.session, signal);
    const needed = (await lease.generations.keys(lease.state.content, signal)) ?? [];
    if ([...needed].some((key) => !listed.has(key))) await distrustLost(context, lease, listed, signal);
    looked.add(lease);
  } catch (error) {
    // A later save looks again.
    if (signal?.aborted || lease.lost.aborted) throw error;
  }
}
