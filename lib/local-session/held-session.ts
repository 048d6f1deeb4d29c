import { checkClosed } from "../browser/singleton-lock.ts";
import { VaultError } from "../errors.ts";
import type { SessionState } from "../store.ts";
import type { PulledPlace } from "./place-of-session.ts";

/**
 * Looks whether a pull would be refused, because a bot has what it reads or what it replaces. Nothing is changed: a browser
 * that keeps no lock goes on unseen.
 * @param state of the session in the store
 * @throws `LEASE_HELD`
 */
export async function refusePullInUse(
  session: string,
  state: SessionState | undefined,
  { form, path }: PulledPlace,
  signal: AbortSignal | undefined,
): Promise<void> {
  refuseHeld(session, state);
  if (form === "profile" || form === "local-auth") await checkClosed(path, { signal });
}

/** @throws `LEASE_HELD` when a bot has a session of Baileys */
export function refuseHeld(session: string, state: SessionState | undefined): void {
  if (state?.kind === "records" && state.lease) throw heldError(session, state.lease.owner);
}

/** The refusal of a session of Baileys that a bot has. */
export function heldError(session: string, owner = "a bot"): VaultError {
  return new VaultError("LEASE_HELD", `Could not pull ${session}: ${owner} has it.`, {
    hint: "Nothing was written. Stop that bot: two bots with one session of Baileys use the same keys, and break it. If its machine is gone, `wa-vault unlock` ends what it has left.",
    owner,
  });
}
