import { isVaultError } from "../errors.ts";
import type { ProfileStore } from "../store.ts";

/**
 * Marks the current generation of a session as one from which a browser has reached `ready`. A bot that has the session by
 * now does so by itself.
 */
export async function markProven(
  store: Pick<ProfileStore, "acquire" | "state" | "mark">,
  session: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const call = { session, ...(signal ? { signal } : {}) };
  const { kind, current } = (await store.state(call)) ?? {};
  // The newest state of records needs no mark: there is no older one to go back to.
  if (kind === "records" || !current || current.proven || current.rejected) return;
  try {
    const lease = await store.acquire(call);
    try {
      await store.mark({ ...call, lease, generation: current.generation, as: "proven" });
    } finally {
      await lease.release();
    }
  } catch (error) {
    if (!isVaultError(error, "LEASE_HELD")) throw error;
  }
}
