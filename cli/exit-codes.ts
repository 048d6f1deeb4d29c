import { isVaultError, type VaultErrorCode } from "../lib/errors.ts";

/** What the command says to scripts by its end. docs/command.md lists them. */
export const EXIT_CODES: Readonly<Record<VaultErrorCode, number>> = {
  INVALID: 2,
  ABSENT: 3,
  UNAVAILABLE: 4,
  CORRUPT: 5,
  LEASE_HELD: 6,
  LEASE_LOST: 6,
  WRONG_KEY: 7,
  DENIED: 8,
  CONFLICT: 9,
  TOO_LARGE: 10,
  CANCELLED: 130,
};

/** Of an error that is none of ours: a fault of the program. */
const UNKNOWN = 1;

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  return isVaultError(error) ? EXIT_CODES[error.code] : UNKNOWN;
}
