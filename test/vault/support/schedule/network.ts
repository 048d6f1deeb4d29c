import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../../../lib/blobs.ts";
import { VaultError } from "../../../../lib/errors.ts";
import type { Random } from "./random.ts";

/** What goes wrong, as shares of all calls. */
export interface FaultRates {
  /** The call fails and does nothing. */
  readonly failBefore: number;
  /** The call takes effect and fails. */
  readonly failAfter: number;
  /** The call is given up, and takes effect later, or never. */
  readonly late: number;
  /** The call takes effect, and once more later. */
  readonly twice: number;
  /** A body arrives damaged. */
  readonly torn: number;
}

/**
 * A network between several processes and one backend. Every request waits until the schedule lets it through, one at a
 * time in random order, so that a seed is a run.
 */
export class Network {
  readonly #backend: BlobStore;
  readonly #random: Random;
  readonly #rates: FaultRates;
  /** Requests that wait, with the process that made them. */
  readonly #waiting: { owner: string; go: () => void }[] = [];
  /** Effects that are still on their way. */
  readonly #late: (() => Promise<void>)[] = [];
  readonly #tornKeys = new Set<string>();
  readonly #onWaiting: () => void;
  readonly #afterEffect: () => Promise<void>;
  /** By process: the entries it has sent, whether they have arrived or not. */
  readonly sentEntries: Map<string, Buffer[]> = new Map();
  #faulty = true;

  constructor(
    backend: BlobStore,
    random: Random,
    rates: FaultRates,
    { onWaiting, afterEffect }: { onWaiting: () => void; afterEffect: () => Promise<void> },
  ) {
    this.#backend = backend;
    this.#random = random;
    this.#rates = rates;
    this.#onWaiting = onWaiting;
    this.#afterEffect = afterEffect;
  }

  /** Owners of the requests that wait. */
  get waiting(): string[] {
    return this.#waiting.map(({ owner }) => owner);
  }

  /** From now on nothing goes wrong. */
  calm(): void {
    this.#faulty = false;
  }

  /** Lets one request of `owner` through. */
  letThrough(owner: string): void {
    const own = this.#waiting.filter((request) => request.owner === owner);
    const request = this.#random.pick(own);
    this.#waiting.splice(this.#waiting.indexOf(request), 1);
    request.go();
  }

  /** Lets one of the effects that are on their way arrive. */
  async arrive(): Promise<void> {
    if (this.#late.length === 0) return;
    const [effect] = this.#late.splice(this.#random.below(this.#late.length), 1);
    await effect?.();
  }

  /** The backend as the process `owner` sees it. `alive` turns false when that process dies. */
  blobs(owner: string, alive: () => boolean): BlobStore {
    const change = (effect: () => Promise<void>): Promise<void> => this.#change(owner, alive, effect);
    return {
      traits: (options?: CallOptions): Promise<BlobTraits> => this.#backend.traits(options),
      get: async (key: string): Promise<Buffer | undefined> => {
        await this.#turn(owner, alive);
        if (this.#happens("failBefore")) throw outage();
        return this.#perhapsTorn(key, await this.#backend.get(key));
      },
      put: (key: string, bytes: Buffer, { ifAbsent }: PutOptions = {}): Promise<void> => {
        const copy = Buffer.from(bytes);
        if (key.includes("/log/") && !ifAbsent) throw new Error(`entry ${key} was put without ifAbsent`);
        if (key.includes("/log/")) this.sentEntries.set(owner, [...(this.sentEntries.get(owner) ?? []), copy]);
        return change(() => this.#backend.put(key, copy, { ifAbsent }));
      },
      list: (prefix: string): AsyncIterable<BlobInfo> => this.#list(owner, alive, prefix),
      delete: async (keys: readonly string[]): Promise<void> => {
        await change(() => this.#backend.delete(keys));
      },
    };
  }

  async *#list(owner: string, alive: () => boolean, prefix: string): AsyncGenerator<BlobInfo> {
    await this.#turn(owner, alive);
    if (this.#happens("failBefore")) throw outage();
    const infos: BlobInfo[] = [];
    for await (const info of this.#backend.list(prefix)) infos.push(info);
    yield* infos;
  }

  async #change(owner: string, alive: () => boolean, effect: () => Promise<void>): Promise<void> {
    const whole = async (): Promise<void> => {
      await effect();
      await this.#afterEffect();
    };
    try {
      await this.#turn(owner, alive);
    } catch (dead) {
      // What a process sent before it died may still arrive.
      if (this.#random.chance(0.5)) this.#late.push(() => whole().catch(ignoreConflict));
      throw dead;
    }
    if (this.#happens("failBefore")) throw outage();
    if (this.#happens("late")) {
      if (this.#random.chance(0.8)) this.#late.push(() => whole().catch(ignoreConflict));
      throw outage();
    }
    if (this.#happens("twice")) this.#late.push(() => whole().catch(ignoreConflict));
    await whole();
    if (this.#happens("failAfter")) throw outage();
  }

  async #turn(owner: string, alive: () => boolean): Promise<void> {
    await new Promise<void>((go) => {
      this.#waiting.push({ owner, go });
      this.#onWaiting();
    });
    if (!alive()) throw new VaultError("UNAVAILABLE", "this process is dead", { retryable: false });
  }

  /** The same key is never torn twice in a row: that would be damage, not bad luck. */
  #perhapsTorn(key: string, bytes: Buffer | undefined): Buffer | undefined {
    if (!bytes || bytes.length === 0 || this.#tornKeys.delete(key) || !this.#happens("torn")) return bytes;
    this.#tornKeys.add(key);
    const at = this.#random.below(bytes.length);
    if (this.#random.chance(0.5)) return bytes.subarray(0, at);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.#random.below(8));
    return bytes;
  }

  #happens(fault: keyof FaultRates): boolean {
    return this.#faulty && this.#random.chance(this.#rates[fault]);
  }
}

function outage(): VaultError {
  return new VaultError("UNAVAILABLE", "the network failed");
}

function ignoreConflict(error: unknown): void {
  if (!(error instanceof VaultError && error.code === "CONFLICT")) throw error;
}
