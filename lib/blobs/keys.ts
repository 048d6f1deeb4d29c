// `lib/blobs` holds the decorators of the contract `lib/blobs.ts` (retries, time limits, a bound of requests), the
// check of keys, and the store in memory. It imports the contract, `lib/async` and the errors. `lib/vault` and the
// adapters may import it.
import { VaultError } from "../errors.ts";

/** The longest key a backend must take, in characters. */
const MAX_KEY_LENGTH = 512;

const KEY = /^[A-Za-z0-9_.-]{1,200}(?:\/[A-Za-z0-9_.-]{1,200})*$/;
const PREFIX = /^[A-Za-z0-9_.-]+\/[A-Za-z0-9_./-]*$/;

/** @throws `INVALID` when the contract does not allow `key`. */
export function assertKey(key: string): void {
  if (key.length > MAX_KEY_LENGTH || !KEY.test(key) || hasDots(key)) {
    throw new VaultError("INVALID", `Expected a blob key, got ${JSON.stringify(key.slice(0, MAX_KEY_LENGTH))}.`);
  }
}

/** @throws `INVALID` when `prefix` does not hold a whole first segment, or could not begin a key. */
export function assertPrefix(prefix: string): void {
  if (prefix.length > MAX_KEY_LENGTH || !PREFIX.test(prefix) || prefix.includes("//") || hasDots(prefix)) {
    throw new VaultError(
      "INVALID",
      `Expected a blob key prefix, got ${JSON.stringify(prefix.slice(0, MAX_KEY_LENGTH))}.`,
    );
  }
}

function hasDots(key: string): boolean {
  return key.split("/").some((segment) => segment === "." || segment === "..");
}
