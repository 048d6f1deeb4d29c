import type { BlobStore } from "../blobs.ts";
import { isVaultError, VaultError, type VaultErrorCode } from "../errors.ts";

/** Errors that are about the backend, and not about one of its values. */
const NAMED: ReadonlySet<VaultErrorCode> = new Set(["UNAVAILABLE", "DENIED", "INVALID", "TOO_LARGE"]);

/** Blobs whose errors say which backend they are of; the same blobs where `name` is undefined. */
export function named(blobs: BlobStore, name: string | undefined): BlobStore {
  if (name === undefined) return blobs;
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw withName(error, name);
    }
  };
  return {
    traits: (options) => call(() => blobs.traits(options)),
    get: (key, options) => call(() => blobs.get(key, options)),
    put: (key, bytes, options) => call(() => blobs.put(key, bytes, options)),
    delete: (keys, options) => call(() => blobs.delete(keys, options)),
    list: async function* (prefix, options) {
      try {
        yield* blobs.list(prefix, options);
      } catch (error) {
        throw withName(error, name);
      }
    },
  };
}

function withName(error: unknown, name: string): unknown {
  if (!isVaultError(error) || !NAMED.has(error.code)) return error;
  const { code, message, cause, hint, retryable } = error;
  const sentence = /[.!?…]$/.test(message) ? message : `${message}.`;
  return new VaultError(code, `${sentence} The store is ${name}.`, { cause, hint, retryable });
}
