import type { BlobInfo, BlobStore, BlobTraits, PutOptions } from "../../../../lib/blobs.ts";
import { VaultError } from "../../../../lib/errors.ts";
import type { Backend } from "./backend.ts";
import type { Plan } from "./plan.ts";
import type { SimulatedProcess, Simulation } from "./simulation.ts";

/** The longest a request and its answer travel when nothing goes wrong, in milliseconds. */
export const REQUEST_MS = 5_000;
const MAX_BLOB_BYTES = { profile: 16 * 1024 * 1024, records: 64 * 1024 };
const SECOND = 1_000;
/** Keys of the largest page of a listing. */
const PAGE = 12;

/**
 * What goes wrong with a request. `before`: it fails and does nothing. `after`: it takes effect and fails. `late`: it fails,
 * and takes effect later, or never. `hang`: the same, and there is no answer. `twice`: it takes effect, and once more
 * later. `torn`: the body arrives damaged.
 */
type Fault = "before" | "after" | "late" | "hang" | "twice" | "torn";

const READ_FAULTS: readonly Fault[] = ["before", "before", "hang", "torn", "torn"];
const WRITE_FAULTS: readonly Fault[] = ["before", "after", "late", "late", "hang", "twice"];
const CUT_READ_FAULTS: readonly Fault[] = ["before", "hang"];
const CUT_WRITE_FAULTS: readonly Fault[] = ["before", "late", "hang"];

interface Call<T> {
  readonly name: "get" | "put" | "list" | "delete";
  readonly keys: readonly string[];
  readonly signal: AbortSignal | undefined;
  /** What happens at the backend, at one moment. */
  readonly effect: () => T;
}

/** The lines between the processes and the backend, on which everything goes wrong. */
export class Network {
  readonly #simulation: Simulation;
  readonly #backend: Backend;
  readonly #plan: Plan;
  readonly #prefix: string;
  /** Called with each put, before it is sent. What it waits for may not take time. */
  readonly #beforePut: (owner: SimulatedProcess, key: string, bytes: Buffer) => Promise<void>;
  /** Effects on their way whose senders are alive. */
  readonly #flying = new Map<SimulatedProcess, Set<() => void>>();
  readonly #torn = new Set<string>();
  #isCalm = false;
  /** How many effects were late. */
  late = 0;

  constructor(
    simulation: Simulation,
    backend: Backend,
    session: string,
    plan: Plan,
    beforePut: (owner: SimulatedProcess, key: string, bytes: Buffer) => Promise<void>,
  ) {
    this.#simulation = simulation;
    this.#backend = backend;
    this.#prefix = `${session}/`;
    this.#plan = plan;
    this.#beforePut = beforePut;
  }

  /** From now on nothing goes wrong but what is on its way. */
  calm(): void {
    this.#isCalm = true;
  }

  /** Of the effects that a process had on their way when it died some never happen, and some happen late. */
  orphan(owner: SimulatedProcess): void {
    for (const effect of this.#flying.get(owner) ?? []) if (this.#simulation.random.chance(0.5)) this.#later(effect);
    this.#flying.delete(owner);
  }

  /** The backend as a process sees it. */
  blobs(owner: SimulatedProcess): BlobStore {
    const backend = this.#backend;
    return {
      traits: async (): Promise<BlobTraits> => ({
        maxBlobBytes: MAX_BLOB_BYTES[this.#plan.form],
        exclusiveCreate: backend.exclusiveCreate,
      }),
      get: async (key, { signal } = {}): Promise<Buffer | undefined> => {
        const effect = (): Buffer | undefined => backend.get(key);
        return await this.#request(owner, { name: "get", keys: [key], signal, effect });
      },
      put: async (key, bytes, { ifAbsent = false, signal }: PutOptions = {}): Promise<void> => {
        const copy = Buffer.from(bytes);
        await this.#beforePut(owner, key, copy);
        const effect = (): boolean => backend.put(key, copy, ifAbsent);
        const isDone = await this.#request(owner, { name: "put", keys: [key], signal, effect });
        if (!isDone) throw new VaultError("CONFLICT", `Could not create ${key}: it exists.`);
      },
      list: (prefix, { signal } = {}): AsyncIterable<BlobInfo> =>
        this.#list(prefix, (effect) => this.#request(owner, { name: "list", keys: [prefix], signal, effect })),
      delete: async (keys, { signal } = {}): Promise<void> => {
        const doomed = [...keys];
        await this.#request(owner, { name: "delete", keys: doomed, signal, effect: () => backend.delete(doomed) });
      },
    };
  }

  /** A key as a person reads it: without the session, and without the zeros before numbers. */
  short(key: string): string {
    const own = key.startsWith(this.#prefix) ? key.slice(this.#prefix.length) : key;
    return own.replace(/\b0+(?=\d)/g, "").replace(/([0-9a-f]{6})[0-9a-f]{10,}/g, "$1");
  }

  async *#list(prefix: string, call: (effect: () => string[]) => Promise<string[]>): AsyncGenerator<BlobInfo> {
    const keys = (): string[] => this.#backend.keys(prefix);
    const { listing } = this.#plan;
    if (listing === "paged") {
      yield* this.#pages(keys, call);
      return;
    }
    const found = new Set(await call(keys));
    if (listing === "union") for (const key of await call(keys)) found.add(key);
    if (listing === "weak") {
      await new Promise<void>((resolve) =>
        this.#simulation.after(this.#simulation.random.next() * 10 * SECOND, resolve),
      );
      const there = await call(() => [...found].filter((key) => this.#backend.has(key)));
      yield* this.#infos(there);
    } else yield* this.#infos([...found]);
  }

  async *#pages(keys: () => string[], call: (effect: () => string[]) => Promise<string[]>): AsyncGenerator<BlobInfo> {
    for (let after = "", isLast = false; !isLast; ) {
      const size = 1 + this.#simulation.random.below(PAGE);
      const nextPage = (): string[] => {
        const rest = keys().filter((key) => key > after);
        return rest.sort().slice(0, size);
      };
      const page = await call(nextPage);
      yield* this.#infos(page);
      isLast = page.length < size;
      after = page.at(-1) ?? after;
    }
  }

  #infos(keys: readonly string[]): BlobInfo[] {
    const modifiedAt = new Date(this.#simulation.wallMs());
    return keys.map((key) => ({ key, size: this.#backend.get(key)?.length ?? 0, modifiedAt }));
  }

  #request<T>(owner: SimulatedProcess, call: Call<T>): Promise<T> {
    const { name, keys, signal, effect } = call;
    const simulation = this.#simulation;
    const { random } = simulation;
    const writes = name === "put" || name === "delete";
    const fault = this.#fault(owner, writes);
    const what = (): string => `${name} ${keys.map((key) => this.short(key)).join(" ")}`;
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const settle = (how: () => void): void => {
        cancelTimeout();
        survive();
        signal?.removeEventListener("abort", abort);
        how();
      };
      const abort = (): void => settle(() => reject(signal?.reason));
      let cancelTimeout = (): void => {};
      const survive = owner.onDeath(reject);
      if (!owner.isAlive) return;
      signal?.addEventListener("abort", abort, { once: true });
      const { attemptTimeoutMs } = this.#plan;
      cancelTimeout = simulation.after(attemptTimeoutMs, () => settle(() => reject(outage())), owner);

      const fail = (): void => {
        const ms = REQUEST_MS / 2;
        owner.hasTrouble(simulation.nowMs + ms);
        simulation.after(ms, () => settle(() => reject(outage())), owner);
      };
      const happen = (): void => {
        this.#flying.get(owner)?.delete(late);
        simulation.say(owner.name, () => `${what()}${fault ? ` (${fault})` : ""}`);
        if (fault === "late" || fault === "hang") {
          if (writes && random.chance(0.8)) this.#later(late);
          owner.hasTrouble(simulation.nowMs + attemptTimeoutMs);
          if (fault === "late") fail();
        } else if (fault === "before") fail();
        else {
          const result = effect();
          if (fault === "twice") this.#later(late);
          const body = Buffer.isBuffer(result) ? (this.#arrived(owner, keys[0] ?? "", result, fault) as T) : result;
          if (fault === "after") fail();
          else simulation.after(this.#latency(), () => settle(() => resolve(body)), owner);
        }
      };
      const late = (): void => {
        simulation.say("late", () => `${what()} of ${owner.name}`);
        effect();
      };
      if (writes) this.#fly(owner, late);
      // Half of the requests have left by then: they take effect also while their sender sleeps.
      simulation.after(this.#idle(owner, call) + this.#latency(), happen, random.chance(0.5) ? owner : undefined);
    });
  }

  #fly(owner: SimulatedProcess, effect: () => void): void {
    const flying = this.#flying.get(owner) ?? new Set();
    this.#flying.set(owner, flying);
    flying.add(effect);
  }

  #later(effect: () => void): void {
    const { random } = this.#simulation;
    this.late++;
    this.#simulation.after(random.pick(this.#plan.lateMs) * random.next(), effect);
  }

  #fault(owner: SimulatedProcess, writes: boolean): Fault | undefined {
    const { random, nowMs } = this.#simulation;
    if (this.#isCalm) return undefined;
    if (nowMs < owner.host.cutUntilMs) return random.pick(writes ? CUT_WRITE_FAULTS : CUT_READ_FAULTS);
    return random.chance(this.#plan.rates.level) ? random.pick(writes ? WRITE_FAULTS : READ_FAULTS) : undefined;
  }

  /** How long a request waits before it is sent. Leases are renewed, and entries read, whatever else the process does. */
  #idle(owner: SimulatedProcess, { name, keys: [key = ""] }: Pick<Call<unknown>, "name" | "keys">): number {
    const { random, nowMs } = this.#simulation;
    const isQuick = name === "get" || key.startsWith(`${this.#prefix}lease/`);
    if (this.#isCalm || isQuick || !random.chance(this.#plan.rates.idle)) return 0;
    const ms = random.pick([5, 60]) * SECOND * random.next();
    owner.idleUntilMs = Math.max(owner.idleUntilMs, nowMs + ms);
    // A renewal may wait for it: of a long lease each looks by a listing.
    if (name === "list") owner.hasTrouble(nowMs + ms);
    return ms;
  }

  #latency(): number {
    const { random } = this.#simulation;
    return random.chance(this.#plan.rates.slow) ? (random.next() * REQUEST_MS) / 2 : random.next() * 100;
  }

  /** For the same process the same key is never torn twice in a row: that would be damage, not bad luck. */
  #arrived(owner: SimulatedProcess, key: string, bytes: Buffer, fault: Fault | undefined): Buffer {
    const copy = Buffer.from(bytes);
    const { random } = this.#simulation;
    const name = `${owner.name} ${key}`;
    if (fault !== "torn" || bytes.length === 0 || this.#torn.has(name)) {
      this.#torn.delete(name);
      return copy;
    }
    this.#torn.add(name);
    const at = random.below(bytes.length);
    if (random.chance(0.5)) return copy.subarray(0, at);
    copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
    return copy;
  }
}

function outage(): VaultError {
  return new VaultError("UNAVAILABLE", "the network failed");
}
