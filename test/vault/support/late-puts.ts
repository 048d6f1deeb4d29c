import { MemoryBlobs, type MemoryBlobsOptions } from "../../../lib/blobs/memory.ts";
import type { BlobStore, PutOptions } from "../../../lib/blobs.ts";
import { VaultError } from "../../../lib/errors.ts";

/** A line to a backend on which puts of log entries can be held back: the writer is told that they failed. */
export class LatePuts implements BlobStore {
  readonly backend: MemoryBlobs;
  /** Whether puts of log entries are held back now. */
  holdsBack = false;
  /** Runs before a put of a log entry takes effect. */
  beforePut: (() => Promise<void>) | undefined;
  /** Runs when a put of a log entry has taken effect; what it throws is what the writer is told. */
  afterPut: (() => Promise<void>) | undefined;
  readonly traits: BlobStore["traits"];
  get: BlobStore["get"];
  list: BlobStore["list"];
  readonly delete: BlobStore["delete"];
  #late: (() => Promise<void>)[] = [];

  constructor(options?: MemoryBlobsOptions) {
    this.backend = new MemoryBlobs(options);
    this.traits = (call) => this.backend.traits(call);
    this.get = (key, call) => this.backend.get(key, call);
    this.list = (prefix, call) => this.backend.list(prefix, call);
    this.delete = (keys, call) => this.backend.delete(keys, call);
  }

  async put(key: string, bytes: Buffer, options: PutOptions = {}): Promise<void> {
    if (!key.includes("/log/") || !this.holdsBack) {
      if (key.includes("/log/")) await this.beforePut?.();
      await this.backend.put(key, bytes, options);
      return key.includes("/log/") ? this.afterPut?.() : undefined;
    }
    const copy = Buffer.from(bytes);
    this.#late.push(() => this.backend.put(key, copy, { ifAbsent: options.ifAbsent }));
    throw new VaultError("UNAVAILABLE", "no answer");
  }

  /** Runs `work`, which fails because its entry is held back. */
  async during(work: () => Promise<unknown>): Promise<void> {
    this.holdsBack = true;
    const error = await work().catch((reason: unknown) => reason);
    this.holdsBack = false;
    if (!(error instanceof VaultError && error.code === "UNAVAILABLE")) throw new Error("it was not held back");
  }

  /** What was held back arrives, in the order it was sent. */
  async arrive(): Promise<void> {
    await this.take()();
  }

  /** Lets what was held back until now arrive when the function is called. */
  take(): () => Promise<void> {
    const late = this.#late.splice(0);
    return async () => {
      for (const put of late) await put().catch(unlessConflict);
    };
  }

  async keys(): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.backend.list("RemoteAuth-bot/")) keys.push(key);
    return keys.sort();
  }
}

function unlessConflict(error: unknown): void {
  if (!(error instanceof VaultError && error.code === "CONFLICT")) throw error;
}
