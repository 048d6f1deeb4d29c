import type { BlobInfo, BlobStore, CallOptions, PutOptions } from "../../../../lib/blobs.ts";
import type { VaultError } from "../../../../lib/errors.ts";

/**
 * Blobs that take the bytes of a put late, and now and then fail a put of a chunk that is stored later all the same: after
 * it was made again, or after its save has ended. What they return is not theirs any more: they return it from a store that
 * shares no memory.
 */
export class UnsteadyBlobs implements BlobStore {
  readonly #blobs: BlobStore;
  readonly #random: () => number;
  readonly #Failure: typeof VaultError;
  /** Puts that were given up and have not arrived. */
  readonly #late = new Set<Promise<void>>();
  failures = 0;

  /** @param Failure the class of the failures, of the library that is under test */
  constructor(blobs: BlobStore, random: () => number, Failure: typeof VaultError) {
    this.#blobs = blobs;
    this.#random = random;
    this.#Failure = Failure;
  }

  traits: BlobStore["traits"] = (options) => this.#blobs.traits(options);
  delete: BlobStore["delete"] = (keys, options) => this.#blobs.delete(keys, options);

  async get(key: string, options?: CallOptions): Promise<Buffer | undefined> {
    await this.#pause(3);
    return await this.#blobs.get(key, options);
  }

  list(prefix: string, options?: CallOptions): AsyncIterable<BlobInfo> {
    return this.#blobs.list(prefix, options);
  }

  async put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    if (key.includes("/chunks/") && this.#random() < 0.1) {
      this.failures++;
      const late: Promise<void> = this.#pause(60).then(async () => {
        await this.#blobs.put(key, bytes, { ifAbsent: options?.ifAbsent });
        this.#late.delete(late);
      });
      this.#late.add(late);
      throw new this.#Failure("UNAVAILABLE", "The answer was lost.");
    }
    await this.#pause(6);
    await this.#blobs.put(key, bytes, options);
  }

  /** Resolves once all that was given up has arrived. */
  async settled(): Promise<void> {
    await Promise.all(this.#late);
  }

  async #pause(most: number): Promise<void> {
    for (let turns = Math.floor(this.#random() * most); turns > 0; turns--) await new Promise(setImmediate);
  }
}
