import type { EntryName } from "./entry.ts";
import { chunksPrefix } from "./layout.ts";
import type { VaultLease } from "./lease.ts";
import { chunksOf, type Manifest } from "./manifest.ts";

/** Bytes of all chunks of the session that the backend lists, by key. */
export async function listChunks(
  { context, session }: VaultLease,
  signal: AbortSignal | undefined,
): Promise<Map<string, number>> {
  const chunks = new Map<string, number>();
  for await (const { key, size } of context.blobs.list(chunksPrefix(session), { signal })) chunks.set(key, size);
  return chunks;
}

/** Bytes of the listed chunks. */
export function bytesIn(listed: ReadonlyMap<string, number>): number {
  return [...listed.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * Distrusts the chunks that the kept generations need and `listed` lacks: the next save sends them anew. Nothing is ever
 * deleted for it. To be called while this holder uploads nothing.
 * @throws `LEASE_LOST` when another process has taken the session: it may have pruned them.
 */
export async function distrustLostChunks(
  { context, session, writer }: VaultLease,
  listed: ReadonlyMap<string, number>,
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
  const mended = writer.state.records
    ? "A holder puts all records of the current one together anew."
    : "The next save sends those anew that the profile still has.";
  context.warn(
    `The store has lost chunks of ${session} (${news.length}; the first is ${news[0]}). Not whole without them: generation ${damaged.join(", ")}. ${mended} Find out why keys vanish there: an expiry rule, an eviction, a fail-over to a copy that was behind.`,
  );
}

/**
 * Looks, once per lease, at the chunks that are stored before a save of this holder: how many bytes they have, and whether
 * those of earlier holders are still there that the current generation refers to. Only what ends the save anyway makes it
 * fail.
 */
export async function checkEarlierChunks(
  lease: VaultLease,
  current: { name: EntryName; manifest: Manifest } | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { memory, folder, generations } = lease.writer;
  // Of the first holder, all chunks are its own.
  const isOwn = current
    ? [...chunksOf(current.manifest)].every((chunk) => chunk.folder === folder)
    : lease.writer.hold.n === 1;
  if (memory.hasCheckedChunks || isOwn) return;
  try {
    const listed = await listChunks(lease, signal);
    const needed = (current && (await generations.keys(current.name, signal))) ?? [];
    if ([...needed].some((key) => !listed.has(key))) await distrustLostChunks(lease, listed, signal);
    memory.storedBytes = Math.max(memory.storedBytes, bytesIn(listed));
    memory.hasCheckedChunks = true;
  } catch (error) {
    // A later save checks again.
    if (signal?.aborted || lease.lost.aborted) throw error;
  }
}
