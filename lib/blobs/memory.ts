import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../blobs.ts";
import { invalidOption, VaultError } from "../errors.ts";
import { assertKey, assertPrefix } from "./keys.ts";
import { assertSize } from "./request.ts";

/** What {@link MemoryBlobs} takes. */
export interface MemoryBlobsOptions {
  /** The largest value in bytes. @default 16 MiB */
  maxBlobBytes?: number;
  /** `false` to stand in for a backend that accepts `ifAbsent` and ignores it. @default true */
  exclusiveCreate?: boolean;
}

const MAX_BLOB_BYTES = 16 * 1024 * 1024;

/** Blobs in this process: for tests, and for sessions that need not outlive the process. */
export class MemoryBlobs implements BlobStore {
  readonly keepsNoBuffers = true;
  readonly #blobs = new Map<string, { bytes: Buffer; modifiedAt: Date }>();
  readonly kind = "memory";
  readonly #traits: BlobTraits;

  constructor({ maxBlobBytes = MAX_BLOB_BYTES, exclusiveCreate = true }: MemoryBlobsOptions = {}) {
    if (!Number.isSafeInteger(maxBlobBytes) || maxBlobBytes < 1) {
      throw invalidOption("maxBlobBytes", "a whole number of bytes", maxBlobBytes);
    }
    this.#traits = { maxBlobBytes, exclusiveCreate };
  }

  async traits({ signal }: CallOptions = {}): Promise<BlobTraits> {
    signal?.throwIfAborted();
    return { ...this.#traits };
  }

  async get(key: string, { signal }: CallOptions = {}): Promise<Buffer | undefined> {
    signal?.throwIfAborted();
    assertKey(key);
    const blob = this.#blobs.get(key);
    return blob && Buffer.from(blob.bytes);
  }

  async put(key: string, bytes: Buffer, { ifAbsent = false, signal }: PutOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    assertKey(key);
    assertSize(`Could not put ${key}`, bytes, this.#traits.maxBlobBytes);
    if (ifAbsent && this.#traits.exclusiveCreate && this.#blobs.has(key)) {
      throw new VaultError("CONFLICT", `Could not create ${key}: it exists.`);
    }
    this.#blobs.set(key, { bytes: Buffer.from(bytes), modifiedAt: new Date() });
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<BlobInfo> {
    signal?.throwIfAborted();
    assertPrefix(prefix);
    for (const [key, { bytes, modifiedAt }] of [...this.#blobs]) {
      signal?.throwIfAborted();
      if (key.startsWith(prefix)) yield { key, size: bytes.length, modifiedAt };
    }
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    for (const key of keys) assertKey(key);
    for (const key of keys) this.#blobs.delete(key);
  }
}
