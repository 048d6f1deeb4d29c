import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../blobs.ts";

const attempts = new WeakMap<Buffer, number>();

/** Counts how often each value is sent: what makes puts again, above this, does not say so. */
export function countAttempts(blobs: BlobStore): BlobStore {
  return {
    traits: (call?: CallOptions): Promise<BlobTraits> => blobs.traits(call),
    get: (key: string, call?: CallOptions): Promise<Buffer | undefined> => blobs.get(key, call),
    put: (key: string, bytes: Buffer, call?: PutOptions): Promise<void> => {
      attempts.set(bytes, attemptsOf(bytes) + 1);
      return blobs.put(key, bytes, call);
    },
    list: (prefix: string, call?: CallOptions): AsyncIterable<BlobInfo> => blobs.list(prefix, call),
    delete: (keys: readonly string[], call?: CallOptions): Promise<void> => blobs.delete(keys, call),
  };
}

/** How often this very buffer was sent. */
export function attemptsOf(bytes: Buffer): number {
  return attempts.get(bytes) ?? 0;
}
