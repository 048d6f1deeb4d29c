import { Semaphore } from "../async/semaphore.ts";
import type { BlobStore } from "../blobs.ts";

/** What {@link limit} takes. */
export interface LimitOptions {
  /** How many gets, puts and deletes may be under way at once. */
  concurrency: number;
  /** Whether calls for a key never wait: small values that a long upload must not delay. @default none */
  urgent?: (key: string) => boolean;
}

/** Lets at most `concurrency` calls run at once; later calls wait in order. Listings do not count. */
export function limit(blobs: BlobStore, { concurrency, urgent = () => false }: LimitOptions): BlobStore {
  const permits = new Semaphore(concurrency);
  const run = <T>(key: string, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> =>
    urgent(key) ? call() : permits.run(call, signal);
  return {
    traits: (options) => blobs.traits(options),
    get: (key, options) => run(key, options?.signal, () => blobs.get(key, options)),
    put: (key, bytes, options) => run(key, options?.signal, () => blobs.put(key, bytes, options)),
    list: (prefix, options) => blobs.list(prefix, options),
    delete: (keys, options) => run(keys[0] ?? "", options?.signal, () => blobs.delete(keys, options)),
  };
}
