import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../lib/blobs.ts";

/** What went to a store and came from it. */
export interface Traffic {
  requests: number;
  bytesSent: number;
  bytesReceived: number;
}

export function noTraffic(): Traffic {
  return { requests: 0, bytesSent: 0, bytesReceived: 0 };
}

/** The calls of each kind. */
export interface Calls {
  gets: number;
  puts: number;
  /** Of the puts, those of entries of a log. */
  entries: number;
  lists: number;
  /** Keys that were deleted. */
  deletes: number;
}

export function noCalls(): Calls {
  return { gets: 0, puts: 0, entries: 0, lists: 0, deletes: 0 };
}

/** Counts every call of a backend, and the bytes of its values. A listing is one request, a delete one for each key. */
export class CountingBlobs implements BlobStore {
  readonly #blobs: BlobStore;
  readonly #traffic: Traffic;
  readonly #calls: Calls;

  constructor(blobs: BlobStore, traffic: Traffic, calls: Calls = noCalls()) {
    this.#blobs = blobs;
    this.#traffic = traffic;
    this.#calls = calls;
  }

  get keepsNoBuffers(): boolean {
    return this.#blobs.keepsNoBuffers ?? false;
  }

  async traits(options?: CallOptions): Promise<BlobTraits> {
    this.#traffic.requests++;
    return this.#blobs.traits(options);
  }

  async get(key: string, options?: CallOptions): Promise<Buffer | undefined> {
    this.#traffic.requests++;
    this.#calls.gets++;
    const bytes = await this.#blobs.get(key, options);
    this.#traffic.bytesReceived += bytes?.length ?? 0;
    return bytes;
  }

  async put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    this.#traffic.requests++;
    this.#calls.puts++;
    if (key.includes("/log/")) this.#calls.entries++;
    this.#traffic.bytesSent += bytes.length;
    await this.#blobs.put(key, bytes, options);
  }

  list(prefix: string, options?: CallOptions): AsyncIterable<BlobInfo> {
    this.#traffic.requests++;
    this.#calls.lists++;
    return this.#blobs.list(prefix, options);
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    this.#traffic.requests += keys.length;
    this.#calls.deletes += keys.length;
    await this.#blobs.delete(keys, options);
  }
}
