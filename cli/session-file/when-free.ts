import type { AddressedStore } from "../../address/store-from-url.ts";
import { isVaultError } from "../../lib/errors.ts";
import { heldError, untilFree, type WaitOptions } from "../change/lease.ts";
import type { Cli } from "../cli.ts";

/**
 * Does `work`, which takes the session itself: once no bot has it, and again when one has taken it meanwhile, for as long as
 * the person waits.
 * @throws `LEASE_HELD`, saying what to do where it is the session in the store that a bot has; the errors of `work`
 */
export async function whenFree<T>(
  cli: Cli,
  place: { readonly store: AddressedStore; readonly session: string },
  { wait = 0, store: given }: WaitOptions,
  work: () => Promise<T>,
): Promise<T> {
  const { store, session } = place;
  const named = given === undefined ? {} : { store: given };
  const until = performance.now() + wait;
  for (;;) {
    await untilFree(cli, place, { wait: Math.max(0, Math.round(until - performance.now())), ...named });
    try {
      return await work();
    } catch (error) {
      // A profile on this machine may be in use as well: nobody waits for that.
      if (!isVaultError(error, "LEASE_HELD")) throw error;
      if ((await store.state({ session, signal: cli.signal }))?.lease === undefined) throw error;
      if (performance.now() >= until) throw heldError(error, { session, ...named });
    }
  }
}
