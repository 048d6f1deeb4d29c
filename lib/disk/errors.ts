// `lib/disk` holds what every folder that touches files needs: errors with a hint, writes that survive a power failure, and
// names that every disk takes. It imports `lib/async` and the errors; every folder but `lib/blobs` may import it.
import { isVaultError, VaultError, type VaultErrorCode } from "../errors.ts";

interface Refusal {
  readonly code: VaultErrorCode;
  readonly hint: string;
}

const FULL: Refusal = { code: "UNAVAILABLE", hint: "The disk is full: free some space there." };
const FORBIDDEN: Refusal = { code: "DENIED", hint: "Let this user read and write that directory and what is in it." };
const MOUNTED: Refusal = {
  code: "UNAVAILABLE",
  hint: "The directory is a mount of its own: mount the directory it lies in instead.",
};

/** What a person can do about an error of the disk, where that is known. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EACCES: FORBIDDEN,
  EPERM: FORBIDDEN,
  EROFS: FORBIDDEN,
  EBUSY: MOUNTED,
  EXDEV: MOUNTED,
  EFBIG: { code: "TOO_LARGE", hint: "The disk takes no file of that size." },
};

/**
 * An error of the disk as the library's own: `DENIED` where rights are missing, else `UNAVAILABLE`. One that is the
 * library's already stays what it is.
 */
export function diskError(doing: string, cause: unknown): VaultError {
  if (isVaultError(cause)) return cause;
  const reason = codeOf(cause) ?? (cause instanceof Error ? cause.message : "unknown error");
  const { code = "UNAVAILABLE" as const, hint } = REFUSALS[reason] ?? {};
  return new VaultError(code, `Could not ${doing}: ${reason}.`, { cause, ...(hint === undefined ? {} : { hint }) });
}

/** As {@link diskError} for an error of the disk; any other as it is. */
export function asDiskError(doing: string, cause: unknown): unknown {
  return isDiskError(cause) ? diskError(doing, cause) : cause;
}

/** Whether a call to the system failed, and not our own code. */
export function isDiskError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException | undefined)?.syscall === "string";
}

/** `ENOENT` and the like, of an error that has one. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Whether an error says that descriptors have run out. */
export function isOutOfDescriptors(error: unknown): boolean {
  return codeOf(error) === "EMFILE" || codeOf(error) === "ENFILE";
}
