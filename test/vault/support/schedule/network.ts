import type { BlobInfo, BlobStore, BlobTraits, PutOptions } from "../../../../lib/blobs.ts";
import { VaultError } from "../../../../lib/errors.ts";
import type { Backend } from "./backend.ts";
import type { SimulatedProcess, Simulation } from "./simulation.ts";

/** The longest a request and its answer travel when nothing goes wrong, in milliseconds. */
export const REQUEST_MS = 5_000;
const MAX_BLOB_BYTES = 16 * 1024 * 1024;
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
/** The longest an effect is late, one of them each time. */
const LATE_MS = [5 * SECOND, 60 * SECOND, 400 * SECOND, 3 * HOUR];

/** Keys of the largest page of a listing. */
const PAGE = 12;

/** What goes wrong. */
export interface FaultRates {
  /** The share of requests that go wrong. */
  readonly level: number;
  /** The share of requests that take their time. */
  readonly slow: number;
  /** The share of requests that the process sends much later than it meant to. */
  readonly idle: number;
}

/**
 * How a listing is answered: with the keys of one moment, with a page at a time in the order of the keys, or with all that
 * were there at one of two moments.
 */
export type Listing = "once" | "paged" | "union";

/**
 * What happens to a request. `before`: it fails and does nothing. `after`: it takes effect and fails. `late`: it fails, and
 * takes effect later, or never. `hang`: the same, and there is no answer. `twice`: it takes effect, and once more later.
 * `torn`: the body arrives damaged.
 */
type Fault = "before" | "after" | "late" | "hang" | "twice" | "torn";

const READ_FAULTS: readonly Fault[] = ["before", "before", "hang", "torn", "torn"];
const WRITE_FAULTS: readonly Fault[] = ["before", "after", "late", "late", "hang", "twice"];
const CUT_FAULTS: readonly Fault[] = ["before", "late", "hang"];

interface Call<T> {
  readonly name: string;
  readonly keys: readonly string[];
  readonly writes: boolean;
  /** What happens at the backend, at one moment. */
  readonly effect: () => T;
  readonly signal?: AbortSignal | undefined;
}

/** The lines between the processes and the backend, on which everything goes wrong. */
export class Network {
  readonly #simulation: Simulation;
  readonly #backend: Backend;
  readonly #rates: FaultRates;
  readonly #listing: Listing;
  readonly #attemptTimeoutMs: number;
  readonly #prefix: string;
  /** Called with each put, before it is sent. What it waits for may not take time. */
  readonly #beforePut: (owner: SimulatedProcess, key: string, bytes: Buffer) => Promise<void>;
  /** Effects on their way whose senders are alive. */
  readonly #flying = new Map<SimulatedProcess, Set<() => void>>();
  readonly #torn = new Set<string>();
  #isCalm = false;
  /** Effects that are late. */
  late = 0;

  constructor(
    simulation: Simulation,
    backend: Backend,
    session: string,
    { rates, listing, attemptTimeoutMs }: { rates: FaultRates; listing: Listing; attemptTimeoutMs: number },
    beforePut: (owner: SimulatedProcess, key: string, bytes: Buffer) => Promise<void>,
  ) {
    this.#simulation = simulation;
    this.#backend = backend;
    this.#prefix = `${session}/`;
    this.#rates = rates;
    this.#listing = listing;
    this.#attemptTimeoutMs = attemptTimeoutMs;
    this.#beforePut = beforePut;
  }

  /** From now on nothing goes wrong but what is on its way. */
  calm(): void {
    this.#isCalm = true;
  }

  /** Of the effects that a process had on their way when it died some never happen, and some happen late. */
  orphan(owner: SimulatedProcess): void {
    const { random } = this.#simulation;
    for (const effect of this.#flying.get(owner) ?? []) if (random.chance(0.5)) this.#later(effect);
    this.#flying.delete(owner);
  }

  /** The backend as a process sees it. */
  blobs(owner: SimulatedProcess): BlobStore {
    const { exclusiveCreate } = this.#backend;
    const call = <T>(one: Call<T>): Promise<T> => this.#request(owner, one);
    return {
      traits: async (): Promise<BlobTraits> => ({ maxBlobBytes: MAX_BLOB_BYTES, exclusiveCreate }),
      get: (key, { signal } = {}) =>
        call({ name: "get", keys: [key], writes: false, effect: () => this.#backend.get(key), signal }),
      put: async (key, bytes, { ifAbsent = false, signal }: PutOptions = {}): Promise<void> => {
        const copy = Buffer.from(bytes);
        if (key.startsWith(`${this.#prefix}log/`) && !ifAbsent) throw new Error(`${key} was put without ifAbsent`);
        await this.#beforePut(owner, key, copy);
        const effect = (): boolean => this.#backend.put(key, copy, ifAbsent);
        const isDone = await call({ name: "put", keys: [key], writes: true, effect, signal });
        if (!isDone) throw new VaultError("CONFLICT", `Could not create ${key}: it exists.`);
      },
      list: (prefix, { signal } = {}) =>
        this.#list(prefix, (effect) => call({ name: "list", keys: [prefix], writes: false, effect, signal })),
      delete: (keys, { signal } = {}) => {
        const doomed = [...keys];
        return call({ name: "delete", keys: doomed, writes: true, effect: () => this.#backend.delete(doomed), signal });
      },
    };
  }

  async *#list(prefix: string, call: (effect: () => string[]) => Promise<string[]>): AsyncGenerator<BlobInfo> {
    const keys = (): string[] => this.#backend.keys(prefix);
    if (this.#listing === "paged") {
      for (let after = "", isLast = false; !isLast; ) {
        const size = 1 + this.#simulation.random.below(PAGE);
        const rest = (): string[] =>
          keys()
            .filter((key) => key > after)
            .sort();
        const page = await call(() => rest().slice(0, size));
        yield* this.#infos(page);
        isLast = page.length < size;
        after = page.at(-1) ?? after;
      }
      return;
    }
    const found = new Set(await call(keys));
    if (this.#listing === "union") for (const key of await call(keys)) found.add(key);
    yield* this.#infos([...found]);
  }

  #infos(keys: readonly string[]): BlobInfo[] {
    const modifiedAt = new Date(this.#simulation.wallMs());
    return keys.map((key) => ({ key, size: this.#backend.get(key)?.length ?? 0, modifiedAt }));
  }

  #request<T>(owner: SimulatedProcess, { name, keys, writes, effect, signal }: Call<T>): Promise<T> {
    const simulation = this.#simulation;
    const { random } = simulation;
    const fault = this.#fault(owner, writes);
    const what = (): string => `${name} ${keys.map((key) => this.short(key)).join(" ")}`;
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const survive = owner.onDeath((death) => reject(death));
      if (!owner.isAlive) return;
      const answer = (settle: () => void): void => {
        const isFault = fault !== undefined && fault !== "twice" && fault !== "torn";
        const ms = isFault ? REQUEST_MS / 2 : this.#latency();
        if (isFault) owner.troubleAtMs = Math.max(owner.troubleAtMs, simulation.nowMs + ms);
        const arrive = (): void => {
          survive();
          if (isFault) owner.troubleAtMs = Math.max(owner.troubleAtMs, simulation.nowMs);
          settle();
        };
        simulation.after(ms, arrive, owner);
      };
      const happen = (): void => {
        this.#flying.get(owner)?.delete(late);
        simulation.say(owner.name, () => `${what()}${fault ? ` (${fault})` : ""}`);
        if (fault === "before") {
          answer(() => reject(outage()));
        } else if (fault === "late" || fault === "hang") {
          if (writes && random.chance(0.8)) this.#later(late);
          // Of a request that hangs whoever waits for an answer gives up by itself.
          owner.troubleAtMs = Math.max(owner.troubleAtMs, simulation.nowMs + this.#attemptTimeoutMs);
          if (fault === "late") answer(() => reject(outage()));
        } else {
          const result = effect();
          if (fault === "twice") this.#later(late);
          const arrived = Buffer.isBuffer(result) ? (this.#arrived(owner, keys[0] ?? "", result, fault) as T) : result;
          answer(() => (fault === "after" ? reject(outage()) : resolve(arrived)));
        }
      };
      const late = (): void => {
        simulation.say("late", () => `${what()} of ${owner.name}`);
        effect();
      };
      if (writes) this.#fly(owner, late);
      const isIdle =
        !this.#isCalm && (writes || name === "list") && !isQuick(keys[0] ?? "") && random.chance(this.#rates.idle);
      const idle = isIdle ? random.pick([5, 60]) * SECOND * random.next() : 0;
      if (isIdle) owner.idleUntilMs = Math.max(owner.idleUntilMs, simulation.nowMs + idle);
      // Half of the requests have left by then: they take effect also while their sender sleeps.
      simulation.after(idle + this.#latency(), happen, random.chance(0.5) ? owner : undefined);
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
    this.#simulation.after(random.pick(LATE_MS) * random.next(), effect);
  }

  #fault(owner: SimulatedProcess, writes: boolean): Fault | undefined {
    const { random, nowMs } = this.#simulation;
    if (this.#isCalm) return undefined;
    if (nowMs < owner.host.cutUntilMs) return random.pick(writes ? CUT_FAULTS : ["before", "hang"]);
    return random.chance(this.#rates.level) ? random.pick(writes ? WRITE_FAULTS : READ_FAULTS) : undefined;
  }

  #latency(): number {
    const { random } = this.#simulation;
    return random.chance(this.#rates.slow) ? (random.next() * REQUEST_MS) / 2 : random.next() * 100;
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

  /** A key as a person reads it: without the session, and without the zeros before numbers. */
  short(key: string): string {
    const own = key.startsWith(this.#prefix) ? key.slice(this.#prefix.length) : key;
    return own.replace(/\b0+(?=\d)/g, "").replace(/([0-9a-f]{6})[0-9a-f]{10,}/g, "$1");
  }
}

/** Leases are renewed whatever else the process does. */
function isQuick(key: string): boolean {
  return key.includes("/lease/");
}

function outage(): VaultError {
  return new VaultError("UNAVAILABLE", "the network failed");
}
