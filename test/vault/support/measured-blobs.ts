import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { BlobInfo, BlobStore, CallOptions, PutOptions } from "../../../lib/blobs.ts";

/** What is stored. */
export interface Held {
  bytes: number;
  objects: number;
  entries: number;
}

/** Blobs in memory that know how much they hold, and the most they held since {@link takeMost}. */
export class MeasuredBlobs implements BlobStore {
  readonly #blobs = new MemoryBlobs();
  readonly #sizes = new Map<string, number>();
  readonly #now = { bytes: 0, objects: 0, entries: 0 };
  #most: Held & { entryBytes: number } = { ...this.#now, entryBytes: 0 };

  traits: BlobStore["traits"] = (options) => this.#blobs.traits(options);
  get: BlobStore["get"] = (key, options) => this.#blobs.get(key, options);

  list(prefix: string, options?: CallOptions): AsyncIterable<BlobInfo> {
    return this.#blobs.list(prefix, options);
  }

  async put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    await this.#blobs.put(key, bytes, options);
    this.#forget(key);
    this.#sizes.set(key, bytes.length);
    this.#count(key, bytes.length, 1);
    const { entryBytes } = this.#most;
    const { bytes: total, objects, entries } = this.#now;
    this.#most = {
      bytes: Math.max(this.#most.bytes, total),
      objects: Math.max(this.#most.objects, objects),
      entries: Math.max(this.#most.entries, entries),
      entryBytes: isEntry(key) ? Math.max(entryBytes, bytes.length) : entryBytes,
    };
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    await this.#blobs.delete(keys, options);
    for (const key of keys) this.#forget(key);
  }

  /** The most that was held since the last call of this. */
  takeMost(): Held & { entryBytes: number } {
    const most = this.#most;
    this.#most = { ...this.#now, entryBytes: 0 };
    return most;
  }

  /** What is held now. */
  get held(): Held {
    return { ...this.#now };
  }

  #forget(key: string): void {
    const size = this.#sizes.get(key);
    if (size === undefined) return;
    this.#sizes.delete(key);
    this.#count(key, -size, -1);
  }

  #count(key: string, bytes: number, objects: number): void {
    this.#now.bytes += bytes;
    this.#now.objects += objects;
    if (isEntry(key)) this.#now.entries += objects;
  }
}

function isEntry(key: string): boolean {
  return key.includes("/log/");
}
