// `lib/disk` holds errors of the disk with a hint, writes that survive a power failure, reads of exact lengths, names that
// every disk takes, and what tells whether a file is still the same one. It imports `lib/async` and the errors. Every folder
// except `lib/async` and `lib/blobs` may import it.
import { isVaultError, VaultError, type VaultErrorCode } from "../errors.ts";

interface Refusal {
  readonly code: VaultErrorCode;
  readonly hint: string;
}

const FULL: Refusal = { code: "UNAVAILABLE", hint: "The disk is full: free some space there." };
const FORBIDDEN: Refusal = { code: "DENIED", hint: "Let this user read and write that directory and what is in it." };
const MOUNTED: Refusal = {
  code: "UNAVAILABLE",
  hint: "Close other programs that use it. If the directory is a mount of its own, mount its parent directory instead.",
};

const TOO_LONG: Refusal = { code: "INVALID", hint: "A name in that path is longer than the disk takes: shorten it." };
const NO_FOLDER: Refusal = {
  code: "UNAVAILABLE",
  hint: "A file, or a link that leads nowhere, is in the place of a folder of that path: move it away.",
};

/** The code of an error of the disk, and a hint for a person, by the code of the system. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: FORBIDDEN,
  ENAMETOOLONG: TOO_LONG,
  ENOTDIR: NO_FOLDER,
  EEXIST: NO_FOLDER,
  ELOOP: NO_FOLDER,
  EBUSY: MOUNTED,
  EXDEV: MOUNTED,
};

/**
 * An error of the disk as a `VaultError`: `DENIED` for missing rights, else `UNAVAILABLE`. A `VaultError` is returned as it is.
 * @param doing the failed action, for the message: "Could not … : code."
 */
export function diskError(doing: string, cause: unknown): VaultError {
  if (isVaultError(cause)) return cause;
  const reason = codeOf(cause) ?? (cause instanceof Error ? cause.message : "unknown error");
  const { code = "UNAVAILABLE" as const, hint } = REFUSALS[reason] ?? {};
  return new VaultError(code, `Could not ${doing}: ${reason}.`, { cause, hint });
}

/** As {@link diskError} for an error of the disk; any other error is returned as it is. */
export function asDiskError(doing: string, cause: unknown): unknown {
  const isOfSystem = typeof (cause as NodeJS.ErrnoException | undefined)?.syscall === "string";
  return isOfSystem ? diskError(doing, cause) : cause;
}

/** The code of an error, such as `ENOENT`; `undefined` when the error has none. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Whether an error says that a path, or a directory above it, is not there. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";
}

/** Whether the process, or the system, has run out of descriptors. */
export function isOutOfDescriptors(error: unknown): boolean {
  return codeOf(error) === "EMFILE" || codeOf(error) === "ENFILE";
}
