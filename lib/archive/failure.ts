import { isVaultError, VaultError } from "../errors.ts";

/**
 * What to throw for `cause`: a `VaultError` or an abort as it is, a failure of the file system typed, with what can be
 * done about it.
 * @param what "what failed", e.g. `zip /data/RemoteAuth.zip`
 */
export function archiveFailure(what: string, cause: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (isVaultError(cause)) return cause;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const message = `${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new VaultError("UNAVAILABLE", message, { cause, hint: "The disk is full: free some space and try again." });
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new VaultError("DENIED", message, { cause, hint: "Let this user read and write the directory." });
  }
  return new VaultError("UNAVAILABLE", message, { cause });
}
