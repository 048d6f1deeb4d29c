import { isVaultError } from "../errors.ts";
import type { GenerationInfo, ProfileStore } from "../store.ts";

/**
 * Marks the current generation of a copy as one from which a browser has reached `ready`: that was said of the original. A
 * bot that has the copy by now does so by itself.
 */
export async function markProven(
  store: Pick<ProfileStore, "acquire" | "state" | "mark">,
  session: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const call = { session, ...(signal ? { signal } : {}) };
  if (!(await unproven(store, call))) return;
  try {
    const lease = await store.acquire(call);
    try {
      const current = await unproven(store, call);
      if (current) await store.mark({ ...call, lease, generation: current.generation, as: "proven" });
    } finally {
      await lease.release();
    }
  } catch (error) {
    if (!isVaultError(error, "LEASE_HELD")) throw error;
  }
}

/** The current generation, when it has no mark. The newest state of records needs none: there is no older one to go back to. */
async function unproven(
  store: Pick<ProfileStore, "state">,
  call: { session: string; signal?: AbortSignal },
): Promise<GenerationInfo | undefined> {
  const { kind, current } = (await store.state(call)) ?? {};
  return kind === "records" || current?.proven || current?.rejected ? undefined : current;
}
