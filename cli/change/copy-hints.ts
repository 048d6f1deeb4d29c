import type { AddressedStore } from "../../address/store-from-url.ts";
import { isVaultError } from "../../lib/errors.ts";
import { heldError } from "./lease.ts";
import { sayingOtherPhone } from "./other-phone.ts";
import { withHint } from "./replace.ts";

/** What the hints of a copy name. */
export interface CopiedNames {
  /** Name in the target. */
  readonly session: string;
  readonly fromSession: string;
  readonly to: AddressedStore;
  /** The address of the source, as the person gave it. */
  readonly store?: string | undefined;
}

/**
 * Does `work`, which copies or compares; its errors name the options of the command where those of the library name its own,
 * and the session and the store that another process has.
 */
export async function sayingHowToCopy<T>(
  { session, fromSession, to, store }: CopiedNames,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await sayingOtherPhone(work);
  } catch (cause) {
    if (isVaultError(cause, "CORRUPT") && cause.hint?.includes("`allowOlder`")) {
      throw withHint(cause, "Nothing was copied. `--allow-older` copies the newest whole version before it.");
    }
    if (!isVaultError(cause, "LEASE_HELD")) throw cause;
    const isOfTarget = cause.message.startsWith("Could not write to the target");
    throw heldError(cause, isOfTarget ? { session, store: to.address } : { session: fromSession, store });
  }
}
