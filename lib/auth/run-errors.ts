import { isVaultError, VaultError } from "../errors.ts";

/**
 * WhatsApp asks to link again although a session was opened.
 * @param source the opened profile, in words
 * @param next the profile that the next start opens, in words; `undefined`: the page shows a QR
 */
export function sessionRefused(session: string, source: string, next?: string): VaultError {
  const consequence = next === undefined ? "it asks to link again" : `${next} is opened next`;
  const message = `WhatsApp did not accept the session ${session}, opened from ${source}: ${consequence}.`;
  const hint =
    next === undefined
      ? "The stored session is kept until a new link is ready. Was the device removed on the phone?"
      : "The client starts again by itself. If your code ends the process on `auth_failure`, start the process again.";
  return new VaultError("DENIED", message, { hint });
}

/** The client has started again after a refusal, and nobody awaits that start. @param cause the error of the start */
export function restartFailed(session: string, cause: unknown): VaultError {
  if (isVaultError(cause)) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VaultError("UNAVAILABLE", `The client of session ${session} could not start again: ${why}`, {
    cause,
    hint: "Call client.initialize() again, or end the process.",
  });
}

/** The browser died. @param isLinked whether the session was linked, so that the profile is saved */
export function browserGone(session: string, isLinked: boolean): VaultError {
  const saving = isLinked ? "The profile it left is being saved. " : "";
  return new VaultError("UNAVAILABLE", `The browser of session ${session} is gone.`, {
    hint: `${saving}Call client.destroy(), which waits for the end of this run, then end the process or call client.initialize() again.`,
  });
}

/** Another process has taken the session over. @param cause the reason with which the lease was lost */
export function leaseLost(session: string, cause: unknown): VaultError {
  if (isVaultError(cause)) return cause;
  return new VaultError("LEASE_LOST", `Session ${session} was taken by another process.`, { cause });
}

/** The client is being destroyed: the abort reason for every operation under way. */
export function clientDestroyed(session: string): VaultError {
  return new VaultError("CANCELLED", `Session ${session}: the client is being destroyed.`);
}
