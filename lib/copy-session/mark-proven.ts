import type { Copied } from "../copy-session.ts";
import { isVaultError } from "../errors.ts";
import type { ProfileStore } from "../store.ts";
import type { GenerationName } from "./store-calls.ts";

type Store = Pick<ProfileStore, "acquire" | "state" | "mark">;
type Mark = "proven" | "rejected";

/** A copy: the generation that was written, or found to be the same, where the store tells it, and how large it is. */
type Copy = Pick<Copied, "generation"> & { readonly report: Pick<Copied["report"], "files" | "bytes"> };

interface Call {
  readonly session: string;
  readonly signal?: AbortSignal;
}

/**
 * Marks a copy as a generation from which a browser has reached `ready`: that was said of the original. Nothing is marked once
 * another generation is the current one, nor where a bot has the copy by now: the bot does so by itself. Where the store does
 * not tell which generation the copy is, it is the current one if that has as many files and bytes.
 */
export async function markProven(
  store: Store,
  session: string,
  copy: Copy,
  signal: AbortSignal | undefined,
): Promise<void> {
  await markCopy(store, session, { copy, as: "proven" }, signal);
}

/** Marks a copy as a generation that WhatsApp has refused, where the original was so marked; else as {@link markProven}. */
export async function markRejected(
  store: Store,
  session: string,
  copy: Copy,
  signal: AbortSignal | undefined,
): Promise<void> {
  await markCopy(store, session, { copy, as: "rejected" }, signal);
}

async function markCopy(
  store: Store,
  session: string,
  { copy: { generation: told, report }, as }: { readonly copy: Copy; readonly as: Mark },
  signal: AbortSignal | undefined,
): Promise<void> {
  const call: Call = { session, ...(signal ? { signal } : {}) };
  const copy = told ?? (await currentLike(store, call, report));
  if (!copy || !(await isUnmarked(store, call, copy, as))) return;
  try {
    const lease = await store.acquire(call);
    try {
      const { generation } = copy;
      if (await isUnmarked(store, call, copy, as)) await store.mark({ ...call, lease, generation, as });
    } finally {
      await lease.release();
    }
  } catch (error) {
    if (!isVaultError(error, "LEASE_HELD") && !isVaultError(error, "LEASE_LOST")) throw error;
  }
}

/** The current generation, if it has as many files and bytes as the copy: a store around another one may tell no more. */
async function currentLike(
  store: Store,
  call: Call,
  { files, bytes }: Copy["report"],
): Promise<GenerationName | undefined> {
  const { current } = (await store.state(call)) ?? {};
  return current?.files === files && current.bytes === bytes ? current : undefined;
}

/**
 * Whether the copy is the current generation, and can get that mark. The newest state of records needs none: there is no
 * older one to go back to.
 */
async function isUnmarked(store: Store, call: Call, { id }: GenerationName, as: Mark): Promise<boolean> {
  const { kind, current } = (await store.state(call)) ?? {};
  if (kind === "records" || current?.id !== id || current.rejected) return false;
  return as === "rejected" || !current.proven;
}
