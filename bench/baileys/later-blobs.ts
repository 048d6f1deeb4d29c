import { setImmediate } from "node:timers/promises";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../lib/blobs.ts";

/** Answers a put in a later turn of the event loop, as every server does: work in the background gets its turns. */
export class LaterBlobs implements BlobStore {
  readonly #blobs: BlobStore;

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  traits(options?: CallOptions): Promise<BlobTraits> {
    return this.#blobs.traits(options);
  }

  get(key: string, options?: CallOptions): Promise<Buffer | undefined> {
    return this.#blobs.get(key, options);
  }

  async put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    await setImmediate();
    await this.#blobs.put(key, bytes, options);
  }

  list(prefix: string, options?: CallOptions): AsyncIterable<BlobInfo> {
    return this.#blobs.list(prefix, options);
  }

  delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#blobs.delete(keys, options);
  }
}
