import { type FileHandle, open } from "node:fs/promises";
import { assertKey, assertPrefix } from "../blobs/keys.ts";
import { assertSize, request } from "../blobs/request.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../blobs.ts";
import { writeFully } from "../disk/durable.ts";
import { diskError } from "../disk/errors.ts";
import { readExactly } from "../disk/file-source.ts";
import { VaultError } from "../errors.ts";
import { MOST_VALUE_BYTES } from "./format.ts";

/** Where a value lies in a file. */
export interface Place {
  readonly at: number;
  readonly length: number;
}

/**
 * Blobs of one process in one temporary file, one value behind the other: a session that is put together before it is written
 * in order. Values that were replaced or deleted stay in the file; the memory has the keys only.
 */
export class SpoolBlobs implements BlobStore {
  readonly keepsNoBuffers = true;
  readonly #file: FileHandle;
  readonly #places = new Map<string, Place>();
  /** Keys that are being created. */
  readonly #creating = new Set<string>();
  readonly #now = new Date();
  #end = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @param path of a file that is made */
  static async create(path: string): Promise<SpoolBlobs> {
    try {
      return new SpoolBlobs(await open(path, "wx+", 0o600));
    } catch (cause) {
      throw diskError(`make the temporary file ${path}`, cause);
    }
  }

  /** All keys, in the order of a session file. */
  keys(): string[] {
    return [...this.#places.keys()].sort();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async traits({ signal }: CallOptions = {}): Promise<BlobTraits> {
    signal?.throwIfAborted();
    return { maxBlobBytes: MOST_VALUE_BYTES, exclusiveCreate: true };
  }

  async get(key: string, { signal }: CallOptions = {}): Promise<Buffer | undefined> {
    return await request("read a temporary file", diskError, () => this.#read(key), signal);
  }

  async put(key: string, bytes: Buffer, { ifAbsent = false, signal }: PutOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    assertKey(key);
    assertSize(`Could not put ${key}`, bytes, MOST_VALUE_BYTES);
    if (ifAbsent && (this.#places.has(key) || this.#creating.has(key))) {
      throw new VaultError("CONFLICT", `Could not create ${key}: it exists.`);
    }
    const place = { at: this.#end, length: bytes.length };
    this.#end += bytes.length;
    this.#creating.add(key);
    const write = async (): Promise<void> => {
      await writeFully(this.#file, bytes, place.at);
      this.#places.set(key, place);
    };
    try {
      await request("write a temporary file", diskError, write, signal);
    } finally {
      this.#creating.delete(key);
    }
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<BlobInfo> {
    assertPrefix(prefix);
    yield* listPlaces(this.#places, prefix, this.#now, signal);
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    for (const key of keys) assertKey(key);
    for (const key of keys) this.#places.delete(key);
  }

  async #read(key: string): Promise<Buffer | undefined> {
    assertKey(key);
    const place = this.#places.get(key);
    return place && (await readExactly(this.#file, place.at, place.length, "a temporary file"));
  }
}

/** A listing of keys whose values lie in a file. */
export async function* listPlaces(
  places: ReadonlyMap<string, Place>,
  prefix: string,
  modifiedAt: Date,
  signal: AbortSignal | undefined,
): AsyncGenerator<BlobInfo> {
  signal?.throwIfAborted();
  for (const [key, { length }] of [...places]) {
    signal?.throwIfAborted();
    if (key.startsWith(prefix)) yield { key, size: length, modifiedAt };
  }
}
