import { randomBytes } from "node:crypto";
import { timeout } from "../blobs/timeout.ts";
import type { BlobStore, BlobTraits } from "../blobs.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { ProbeStep, ProbeStepName, StoreProbe } from "../store.ts";
import { BLOCK_BYTES } from "./blocks.ts";
import type { VaultContext } from "./context.ts";
import { SESSIONS_PREFIX } from "./layout.ts";

/** How long one request may take, in milliseconds: a person waits. */
const LIMIT_MS = 10_000;
const RACERS = 4;
const SMALL_BYTES = 64;
/** Servers round times to seconds. */
const ROUNDING_MS = 1_000;
/** Keys of one probe begin with it. They belong to no session. */
const PREFIX = "_vault/probe";

/**
 * Tries all that a vault asks of its store, on keys of its own, which are removed. Without the right to delete one small value
 * stays, under one and the same key each time.
 */
export async function probeStore({ options }: VaultContext, signal?: AbortSignal): Promise<StoreProbe> {
  const attemptTimeoutMs = Math.min(options.attemptTimeoutMs, LIMIT_MS);
  return await new Probe(timeout(options.blobs, { attemptTimeoutMs }), signal).run();
}

class Probe {
  readonly #blobs: BlobStore;
  readonly #call: { readonly signal?: AbortSignal };
  readonly #steps: ProbeStep[] = [];
  readonly #id = randomBytes(8).toString("hex");

  constructor(blobs: BlobStore, signal: AbortSignal | undefined) {
    this.#blobs = blobs;
    this.#call = signal ? { signal } : {};
  }

  async run(): Promise<StoreProbe> {
    const absent = this.#key("absent");
    const listed = await this.#step("list", async () => {
      for await (const _ of this.#blobs.list(SESSIONS_PREFIX, { ...this.#call, keysOnly: true })) break;
    });
    // A server that is away is away for the other requests too.
    if (listed?.code === "UNAVAILABLE") return { steps: this.#steps };
    await this.#step("read", async () => void (await this.#blobs.get(absent, this.#call)));
    const refused = await this.#step("delete", () => this.#blobs.delete([absent], this.#call));
    const key = refused ? `${PREFIX}/kept` : this.#key("small");
    const times = await this.#roundTrip(key, refused !== undefined);
    const isWritable = times !== undefined;
    const more = isWritable && !refused ? await this.#withDelete() : {};
    const { aheadMs } = times ?? {};
    return {
      steps: this.#steps,
      ...more,
      ...(aheadMs === undefined ? {} : { clockAheadMs: aheadMs }),
      ...(isWritable && refused ? { leftBehind: key } : {}),
    };
  }

  /** Writes a value, reads it, finds it in a listing, and removes it. @returns `undefined` when it could not be written */
  async #roundTrip(key: string, stays: boolean): Promise<{ aheadMs?: number } | undefined> {
    const bytes = randomBytes(SMALL_BYTES);
    const before = Date.now();
    if (await this.#step("write", () => this.#blobs.put(key, bytes, this.#call))) return undefined;
    const after = Date.now();
    await this.#step("readBack", () => this.#expect(key, bytes));
    let modifiedAt: number | undefined;
    await this.#step("findInListing", async () => {
      for await (const found of this.#blobs.list(`${key.slice(0, key.lastIndexOf("/"))}/`, this.#call)) {
        if (found.key === key) modifiedAt = found.modifiedAt.getTime();
      }
      if (modifiedAt === undefined) throw wrong("a value that was just written is not in a listing");
    });
    if (!stays) {
      await this.#step("remove", async () => {
        await this.#blobs.delete([key], this.#call);
        if (await this.#blobs.get(key, this.#call)) throw wrong("a value that was deleted is still read");
      });
    }
    return modifiedAt === undefined ? {} : { aheadMs: aheadOf(modifiedAt, before, after) };
  }

  /** What leaves values behind that have to be removed. */
  async #withDelete(): Promise<Partial<StoreProbe>> {
    let traits: BlobTraits | undefined;
    await this.#step("exclusiveCreate", async () => {
      traits = await this.#blobs.traits(this.#call);
      if (traits.exclusiveCreate) await this.#race();
    });
    if (!traits) return {};
    const { exclusiveCreate, exclusiveCreateHint, maxBlobBytes } = traits;
    // The largest value that a vault writes, though the store may take more.
    const bytes = randomBytes(Math.min(maxBlobBytes, BLOCK_BYTES));
    const key = this.#key("large");
    const failed = await this.#step("largest", async () => {
      try {
        await this.#blobs.put(key, bytes, this.#call);
        await this.#expect(key, bytes);
      } finally {
        await this.#blobs.delete([key], this.#call);
      }
    });
    return {
      exclusiveCreate,
      ...(exclusiveCreateHint === undefined ? {} : { exclusiveCreateHint }),
      maxBlobBytes,
      ...(failed ? {} : { largestBytes: bytes.length }),
    };
  }

  async #race(): Promise<void> {
    const key = this.#key("race");
    const put = (): Promise<void> => this.#blobs.put(key, randomBytes(SMALL_BYTES), { ...this.#call, ifAbsent: true });
    const results = await Promise.allSettled(Array.from({ length: RACERS }, put));
    await this.#blobs.delete([key], this.#call);
    for (const result of results) {
      if (result.status === "rejected" && !isVaultError(result.reason, "CONFLICT")) throw result.reason;
    }
    const winners = results.filter(({ status }) => status === "fulfilled").length;
    if (winners !== 1) throw wrong(`${winners} of ${RACERS} processes created one and the same key`);
  }

  async #expect(key: string, bytes: Buffer): Promise<void> {
    const found = await this.#blobs.get(key, this.#call);
    if (!found) throw wrong("a value that was just written is not there");
    if (!found.equals(bytes)) throw wrong("a value is read that is not the one that was written");
  }

  /** @returns the error, when the step has failed */
  async #step(name: ProbeStepName, work: () => Promise<void>): Promise<VaultError | undefined> {
    const began = performance.now();
    const took = (): number => Math.round((performance.now() - began) * 10) / 10;
    try {
      await work();
      this.#steps.push({ name, ms: took() });
      return undefined;
    } catch (error) {
      this.#call.signal?.throwIfAborted();
      if (!isVaultError(error)) throw error;
      this.#steps.push({ name, ms: took(), error });
      return error;
    }
  }

  #key(name: string): string {
    return `${PREFIX}-${this.#id}/${name}`;
  }
}

/** By how much the clock of the store is ahead of ours: 0 within what can be told. */
function aheadOf(modifiedAt: number, before: number, after: number): number {
  if (modifiedAt > after + ROUNDING_MS) return modifiedAt - after;
  return modifiedAt < before - ROUNDING_MS ? modifiedAt - before : 0;
}

function wrong(what: string): VaultError {
  return new VaultError("INVALID", `The store does not keep its promises: ${what}.`, {
    hint: "It may be a cache, a replica, or a server that is not what its address says: see docs/stores.md.",
  });
}
