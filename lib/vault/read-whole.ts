import { isVaultError } from "../errors.ts";

/** How often a value that does not decode is read before it counts as damaged: it may have been torn on its way. */
const READS = 3;

/**
 * What `decode` makes of the value that `get` reads; `undefined` when there is none.
 * @throws as `get` and `decode`; `CORRUPT` of `decode` when no read has brought a whole value.
 */
export async function readWhole<T>(
  get: () => Promise<Buffer | undefined>,
  decode: (value: Buffer) => Promise<T>,
): Promise<T | undefined> {
  for (let reads = 1; ; reads++) {
    const value = await get();
    if (!value) return undefined;
    try {
      return await decode(value);
    } catch (error) {
      if (!isVaultError(error, "CORRUPT") || reads >= READS) throw error;
    }
  }
}
