import { isVaultError, type VaultErrorCode } from "../errors.ts";

/** The result of `reading`, `undefined` when it rejects with `CORRUPT`. */
export function unlessCorrupt<T>(reading: Promise<T>): Promise<T | undefined> {
  return unless(["CORRUPT"], reading);
}

/**
 * The result of `reading`, `undefined` when it rejects with `CORRUPT` or `WRONG_KEY`. Only for what is not needed any more:
 * what a missing key hides is not lost.
 */
export function unlessUnreadable<T>(reading: Promise<T>): Promise<T | undefined> {
  return unless(["CORRUPT", "WRONG_KEY"], reading);
}

async function unless<T>(codes: readonly VaultErrorCode[], reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isVaultError(error) && codes.includes(error.code)) return undefined;
    throw error;
  }
}
