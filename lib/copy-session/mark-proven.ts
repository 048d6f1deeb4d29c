import { isVaultError } from "../errors.ts";
import type { ProfileStore } from "../store.ts";
import type { GenerationName } from "./store-calls.ts";

/**
 * Marks a copy as a generation from which a browser has reached `ready`: that was said of the original. Nothing is marked once
 * another generation is the current one, nor where a bot has the copy by now: the bot does so by itself.
 * @param copy the generation that was written, or found to be the same; `undefined` where the store does not tell it
 */
export async function markProven(
  store: Pick<ProfileStore, "acquire" | "state" | "mark">,
  session: string,
  copy: GenerationName | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const call = { session, ...(signal ? { signal } : {}) };
  if (!copy || !(await isUnproven(store, call, copy))) return;
  try {
    const lease = await store.acquire(call);
    try {
      const { generation } = copy;
      if (await isUnproven(store, call, copy)) await store.mark({ ...call, lease, generation, as: "proven" });
    } finally {
      await lease.release();
    }
  } catch (error) {
    if (!isVaultError(error, "LEASE_HELD") && !isVaultError(error, "LEASE_LOST")) throw error;
  }
}

/** Whether the copy is the current generation, and has no mark. */
async function isUnproven(
  store: Pick<ProfileStore, "state">,
  call: { session: string; signal?: AbortSignal },
  { id }: GenerationName,
): Promise<boolean> {
  const { current } = (await store.state(call)) ?? {};
  return current?.id === id && !current.proven && !current.rejected;
}
