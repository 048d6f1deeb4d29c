import { isVaultError } from "../../../../lib/errors.ts";
import type { Lease } from "../../../../lib/store.ts";
import type { VaultLease } from "../../../../lib/vault/lease.ts";
import { SessionRecords } from "../../../../lib/vault/records/session-records.ts";
import type { Operations, Patience } from "./operations.ts";
import type { SimulatedProcess, Simulation } from "./simulation.ts";
import { SET_PREFIX, textOf } from "./true-records.ts";
import type { World } from "./world.ts";

/** Few keys, so that the same records come and go and come again. */
const KEYS = [..."abcdef"];
/** More than an entry takes, where blobs have 64 KiB at most. */
const LARGE_BYTES = 50_000;
/** How long somebody waits for a set, in milliseconds: sets wait for as long as the store does not answer. */
const WAIT_MS = 60_000;

let sets = 0;

/** The operations of one holder on the records of a session. */
export class RecordOperations {
  readonly #world: World;
  readonly #process: SimulatedProcess;
  readonly #lease: Lease;
  readonly #operations: Operations;
  #records: SessionRecords | undefined;

  constructor(world: World, process: SimulatedProcess, lease: Lease, operations: Operations) {
    this.#world = world;
    this.#operations = operations;
    this.#process = process;
    this.#lease = lease;
  }

  async open({ signal }: Patience): Promise<true> {
    const { truth, plan } = this.#world;
    const { moment } = truth;
    this.#say("open …");
    const records = await SessionRecords.open(this.#lease as VaultLease, { onError: () => {} }, signal);
    const found = new Map(records.keys().map((key) => [key, textOf(records.get(key) ?? Buffer.alloc(0))]));
    this.#records = records;
    const isOvertaken = truth.newest.epoch > this.#lease.epoch;
    for (let at = moment; at <= truth.moment; at++) if (sameRecords(found, truth.records(at))) return true;
    if (plan.mode === "lossy" || isOvertaken) return true;
    throw new Error(`${this.#process.name} opened records that are not those of the session`);
  }

  /** One to three calls at once. Resolves when they are done, or after some time: they still are under way then. */
  async change(): Promise<void> {
    const records = this.#records;
    if (!records) return;
    const calls = Array.from({ length: 1 + this.#random.below(3) }, () =>
      this.#random.chance(0.04) ? this.#clear(records) : this.#set(records),
    );
    const enough = new AbortController();
    const patience = this.#process.clock.sleep(WAIT_MS * this.#random.next(), enough.signal).catch(() => {});
    await Promise.race([Promise.all(calls), patience]);
    enough.abort();
  }

  async close(): Promise<void> {
    await this.#records?.close(this.#random.pick([0, 8_000]));
  }

  async #clear(records: SessionRecords): Promise<void> {
    const isFinal = this.#random.chance(0.3);
    const retain = isFinal ? { retainMs: 0 } : {};
    await this.#refusable(async () => {
      await this.#operations.remove(isFinal ? "clear for good" : "clear", isFinal, () => records.clear(retain));
      this.#world.outcome.clears++;
    });
  }

  async #set(records: SessionRecords): Promise<void> {
    const { acknowledged, truth, plan, outcome } = this.#world;
    const name = `${SET_PREFIX}${this.#process.name}.${++sets}`;
    const key = this.#random.pick(KEYS);
    const value = this.#random.chance(0.2) ? undefined : Buffer.from(name);
    const isLarge = value && this.#random.chance(0.05);
    const stored = isLarge
      ? Buffer.concat([
          value.subarray(0, 20),
          Buffer.alloc(20 - Math.min(20, value.length)),
          Buffer.alloc(LARGE_BYTES, 1),
        ])
      : value;
    this.#say(`${name}: ${key} ${value ? (isLarge ? "large" : "set") : "deleted"} …`);
    await this.#refusable(async () => {
      await records.set([
        [name, Buffer.alloc(0)],
        [key, stored],
      ]);
      outcome.sets++;
      this.#say(`${name}: stored`);
      acknowledged.add(name);
      if (plan.mode !== "lossy" && !truth.hasSet(name))
        throw new Error(`${name} of ${this.#process.name} was told "stored", and is not there`);
    });
  }

  async #refusable(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#process.isAlive || (isVaultError(error) && ["LEASE_LOST", "CANCELLED"].includes(error.code))) return;
      if (this.#world.plan.mode === "lossy" && isVaultError(error, "CORRUPT")) return;
      this.#world.failure ??= error;
    }
  }

  get #random(): Simulation["random"] {
    return this.#world.simulation.random;
  }

  #say(what: string): void {
    this.#world.simulation.say(this.#process.name, () => what);
  }
}

/** Whether both have the same records. */
export function sameRecords(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}
