import type { EntryName } from "./entry.ts";
import { chunksPrefix } from "./layout.ts";
import type { VaultLease } from "./lease.ts";
import { chunksOf, type Manifest } from "./manifest.ts";

/** Keys of all chunks of the session that the backend lists. */
export async function listChunks(
  { context, session }: VaultLease,
  signal: AbortSignal | undefined,
): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const { key } of context.blobs.list(chunksPrefix(session), { signal })) keys.add(key);
  return keys;
}

/**
 * Distrusts the chunks that the kept generations need and `listed` lacks: the next save sends them anew. Nothing is ever
 * deleted for it. To be called while this holder uploads nothing.
 * @throws `LEASE_LOST` when another process has taken the session: it may have pruned them.
 */
export async function distrustLostChunks(
  { context, session, writer }: VaultLease,
  listed: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const lost = new Set<string>();
  const damaged: number[] = [];
  for (const generation of writer.state.live) {
    const keys = (await writer.generations.keys(generation, signal)) ?? [];
    const missing = [...keys].filter((key) => !listed.has(key));
    if (missing.length > 0) damaged.push(generation.n);
    for (const key of missing) lost.add(key);
  }
  if (lost.size === 0) return;
  await writer.look(signal);
  const news = context.chunkTrust.distrust(lost);
  if (news.length === 0) return;
  context.warn(
    `The store has lost chunks of ${session} (${news.length}; the first is ${news[0]}). Not whole without them: generation ${damaged.join(", ")}. The next save sends those anew that the profile still has. Find out why keys vanish there: an expiry rule, an eviction, a fail-over to a copy that was behind.`,
  );
}

/**
 * Checks, once per lease, that the backend still has the chunks of earlier holders, before a save refers to them. Only
 * what ends the save anyway makes it fail.
 */
export async function checkEarlierChunks(
  lease: VaultLease,
  current: EntryName,
  manifest: Manifest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { writer } = lease;
  if (writer.memory.hasCheckedChunks || [...chunksOf(manifest)].every((chunk) => chunk.folder === writer.folder))
    return;
  try {
    const listed = await listChunks(lease, signal);
    const needed = (await writer.generations.keys(current, signal)) ?? [];
    if ([...needed].some((key) => !listed.has(key))) await distrustLostChunks(lease, listed, signal);
    writer.memory.hasCheckedChunks = true;
  } catch (error) {
    // A later save checks again.
    if (signal?.aborted || lease.lost.aborted) throw error;
  }
}
