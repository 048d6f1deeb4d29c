import { Semaphore } from "../async/semaphore.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../blobs.ts";

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
    traits: (options?: CallOptions): Promise<BlobTraits> => blobs.traits(options),
    get: (key: string, options?: CallOptions): Promise<Buffer | undefined> =>
      run(key, options?.signal, () => blobs.get(key, options)),
    put: (key: string, bytes: Buffer, options?: PutOptions): Promise<void> =>
      run(key, options?.signal, () => blobs.put(key, bytes, options)),
    list: (prefix: string, options?: CallOptions): AsyncIterable<BlobInfo> => blobs.list(prefix, options),
    delete: (keys: readonly string[], options?: CallOptions): Promise<void> =>
      run(keys[0] ?? "", options?.signal, () => blobs.delete(keys, options)),
  };
}
