import { isVaultError } from "../errors.ts";

/** The result of `reading`, `undefined` when it rejects with `CORRUPT`. */
export async function unlessCorrupt<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isVaultError(error, "CORRUPT")) return undefined;
    throw error;
  }
}
