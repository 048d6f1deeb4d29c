import { safeMessage, VaultError } from "../../lib/errors.ts";
import type { HeldSession } from "./link-store.ts";

/**
 * Makes the session what it was before the link: of no use is what the link has stored.
 * @throws the error of the store
 */
export async function undoLink({ vault, session, lease, before }: HeldSession): Promise<void> {
  const generation = before?.current?.generation;
  if (generation === undefined) await vault.delete({ session, lease });
  else await vault.rollback({ session, lease, generation });
}

/** The words behind `wa-vault` of the call that does the same. */
export function undoArguments({ session, before }: Pick<HeldSession, "session" | "before">): string[] {
  const generation = before?.current?.generation;
  return generation === undefined ? ["delete", session] : ["rollback", session, `${generation}`];
}

/**
 * The error of a link that is of no use, and could not be taken out of the store.
 * @param error why it is of no use
 * @param cause why it could not
 * @param call what a person can do once the store answers
 */
export function notUndone({ session, before }: HeldSession, error: unknown, cause: unknown, call: string): VaultError {
  const what = before?.current === undefined ? "takes it out of the store" : "brings the earlier link back";
  const message = `${safeMessage(error)} It is still the current version of ${session}: ${safeMessage(cause)}`;
  return new VaultError("DENIED", message, { cause: error, hint: `When the store answers, this ${what}: ${call}` });
}
