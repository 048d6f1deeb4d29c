import { isVaultError, VaultError } from "../errors.ts";

/** The refusal to replace what the target has. */
export function otherVersionError(session: string, difference: string): VaultError {
  return new VaultError("CONFLICT", `The target has another version of ${session}: ${difference}.`, {
    hint: "Set `replace` to make the source's version the current one.",
  });
}

/** Whether an error is that refusal: a session that has changed while it was copied is a `CONFLICT` as well. */
export function isOtherVersion(error: unknown): error is VaultError {
  return isVaultError(error, "CONFLICT") && error.message.startsWith("The target has another version of ");
}
