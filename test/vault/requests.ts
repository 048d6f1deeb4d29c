import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../lib/blobs.ts";

/** What a test does to one call: `go` makes it. */
export type Intercept = <T>(call: string, key: string, go: () => Promise<T>) => Promise<T>;

/** A backend that notes every request, and lets a test come between. */
export class Requests implements BlobStore {
  /** E.g. `put RemoteAuth-bot/log/0000000000000001`. */
  readonly log: string[] = [];
  /** Bytes that were put. */
  bytesPut = 0;
  /** Chunks whose bytes are in memory on their way to the backend, and the most there were at once. */
  underWay = 0;
  most = 0;
  intercept: Intercept = (_call, _key, go) => go();
  readonly #blobs: BlobStore;

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  traits(options?: CallOptions): Promise<BlobTraits> {
    return this.#blobs.traits(options);
  }

  get(key: string, options?: CallOptions): Promise<Buffer | undefined> {
    return this.#note("get", key, () => this.#blobs.get(key, options));
  }

  async put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    this.bytesPut += bytes.length;
    this.most = Math.max(this.most, ++this.underWay);
    try {
      await this.#note("put", key, () => this.#blobs.put(key, bytes, options));
    } finally {
      this.underWay--;
    }
  }

  list(prefix: string, options?: CallOptions): AsyncIterable<BlobInfo> {
    this.log.push(`list ${prefix}`);
    return this.#blobs.list(prefix, options);
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    await this.#note("delete", keys.join(" "), () => this.#blobs.delete(keys, options));
  }

  /** Requests since the last call of this. */
  take(): string[] {
    return this.log.splice(0);
  }

  #note<T>(call: string, key: string, go: () => Promise<T>): Promise<T> {
    this.log.push(`${call} ${key}`);
    return this.intercept(call, key, go);
  }
}
