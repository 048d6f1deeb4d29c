import { isVaultError } from "../errors.ts";

/** What `reading` gives, `undefined` when that is damaged. */
export async function unlessCorrupt<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isVaultError(error, "CORRUPT")) return undefined;
    throw error;
  }
}
