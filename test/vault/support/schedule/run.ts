import { rm } from "node:fs/promises";
import { join } from "node:path";
import { MemoryBlobs } from "../../../../lib/blobs/memory.ts";
import { isVaultError, type VaultErrorCode } from "../../../../lib/errors.ts";
import type { Lease, ProfileStore } from "../../../../lib/store.ts";
import { Vault } from "../../../../lib/vault/vault.ts";
import { captureOf, type Files, filesIn, profileFiles } from "../../../contract/profile.ts";
import { Invariants } from "./invariants.ts";
import { type FaultRates, Network } from "./network.ts";
import { Random } from "./random.ts";

const SESSION = "RemoteAuth-bot";
const STEPS = 400;
const WRITERS = ["a", "b", "c"];
/** A restore writes files: real I/O, which the schedule waits for. */
const READER = "reader";

/** What happened in one schedule. */
export interface Outcome {
  commits: number;
  saves: number;
  restores: number;
  /** By code, or `aborted`: how often an operation ended without a result. */
  refused: Map<string, number>;
}

/**
 * Runs several processes on one session over a network on which everything goes wrong. With `alone` it is one process,
 * which lives on, and a backend that creates nothing exclusively.
 * @param directory a folder to restore into
 */
export async function runSchedule(
  seed: number,
  advanceTime: (ms: number) => void,
  directory: string,
  { alone = false }: { alone?: boolean } = {},
): Promise<Outcome> {
  return new Schedule(seed, advanceTime, directory, alone).run();
}

class Schedule {
  readonly #random: Random;
  readonly #alone: boolean;
  readonly #backend: MemoryBlobs;
  readonly #invariants: Invariants;
  readonly #network: Network;
  readonly #advanceTime: (ms: number) => void;
  readonly #directory: string;
  readonly #contents = new Map<string, Files>();
  readonly #outcome: Outcome = { commits: 0, saves: 0, restores: 0, refused: new Map() };
  /** Whether this schedule restores into files as well: slow, because every file is synced. */
  readonly #withDisk: boolean;
  #failure: unknown;
  #over = false;
  /** Runs when a request has begun to wait, or the reader has ended. */
  #wake: () => void = () => {};
  #reading = false;

  /** Of the one process that lives on. */
  #store: Vault | undefined;

  constructor(seed: number, advanceTime: (ms: number) => void, directory: string, alone: boolean) {
    this.#random = new Random(seed);
    this.#alone = alone;
    this.#backend = new MemoryBlobs({ exclusiveCreate: !alone });
    this.#advanceTime = advanceTime;
    this.#directory = directory;
    this.#invariants = new Invariants(this.#backend, SESSION, { epochsGrow: !alone });
    const level = this.#random.pick([0, 0.01, 0.05]);
    const rates: FaultRates = { failBefore: level, failAfter: level, late: level, twice: level, torn: level };
    this.#withDisk = this.#random.chance(0.15);
    this.#network = new Network(this.#backend, this.#random, rates, {
      onWaiting: () => this.#wake(),
      afterEffect: () => this.#invariants.check(),
    });
  }

  async run(): Promise<Outcome> {
    const writers = this.#alone ? WRITERS.slice(0, 1) : WRITERS;
    const actors = writers.map((name) => this.#writer(name));
    if (this.#withDisk) actors.push(this.#reader());
    const ended = Promise.all(actors.map((actor) => actor.catch((error: unknown) => this.#fail(error))));
    await this.#drive();
    this.#over = true;
    this.#network.calm();
    await this.#drain(ended);
    if (this.#failure) throw this.#failure;
    await this.#newestRestores();
    return { ...this.#outcome, commits: this.#invariants.commits };
  }

  async #drive(): Promise<void> {
    const speeds = new Map([...WRITERS, READER].map((name) => [name, this.#random.next()]));
    for (let step = 0; step < STEPS && !this.#failure; step++) {
      await this.#idle();
      if (step % 40 === 0)
        for (const name of speeds.keys()) speeds.set(name, this.#random.chance(0.3) ? 0 : this.#random.next());
      if (this.#random.chance(0.02)) this.#advanceTime(this.#random.below(8 * 60 * 60 * 1000));
      if (this.#random.chance(0.05)) await this.#network.arrive();
      const owner = this.#next(speeds);
      if (owner !== undefined) this.#network.letThrough(owner);
    }
  }

  #next(speeds: ReadonlyMap<string, number>): string | undefined {
    const owners = [...new Set(this.#network.waiting)];
    const total = owners.reduce((sum, owner) => sum + (speeds.get(owner) ?? 0), 0);
    let at = this.#random.next() * total;
    for (const owner of owners) {
      at -= speeds.get(owner) ?? 0;
      if (at < 0) return owner;
    }
    return owners[0];
  }

  /** Lets everything end, in any order and undisturbed. */
  async #drain(ended: Promise<unknown>): Promise<void> {
    let done = false;
    void ended.finally(() => {
      done = true;
    });
    for (;;) {
      await this.#idle();
      if (done) break;
      const owner = this.#network.waiting[0];
      if (owner !== undefined) this.#network.letThrough(owner);
    }
    await ended;
    for (let count = 0; count < 1000; count++) await this.#network.arrive();
  }

  /** Until every process waits for the network. Writers never wait for anything else; a reader does, for the disk. */
  async #idle(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!this.#reading || this.#network.waiting.includes(READER)) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async #writer(name: string): Promise<void> {
    while (!this.#over) {
      let alive = true;
      const store = this.#store ?? this.#vault(name, () => alive);
      if (this.#alone) this.#store = store;
      const lease = await this.#refusable(store.acquire({ session: SESSION }), ["UNAVAILABLE"]);
      const rounds = lease ? 1 + this.#random.below(8) : 0;
      for (let round = 0; round < rounds && lease && !this.#over && !lease.lost.aborted; round++) {
        const controller = new AbortController();
        const work = this.#operation(name, store, lease, controller.signal);
        work.catch(() => {});
        // Somebody may lose patience at any moment; what was sent by then still arrives.
        if (this.#random.chance(0.15)) {
          await this.#someSteps(20);
          controller.abort(ENOUGH);
        }
        // A process that dies leaves requests behind.
        if (!this.#alone && this.#random.chance(0.05)) {
          await this.#someSteps(6);
          alive = false;
        }
        await this.#refusable(work, ["UNAVAILABLE", "LEASE_LOST", "ABSENT"]);
        if (!alive) break;
      }
    }
  }

  async #someSteps(limit: number): Promise<void> {
    for (let steps = this.#random.below(limit); steps > 0; steps--)
      await new Promise((resolve) => setImmediate(resolve));
  }

  /** What a process sent before its deletion ended may not undo it. */
  async #delete(name: string, store: ProfileStore, options: Parameters<ProfileStore["delete"]>[0]): Promise<void> {
    await store.delete(options);
    this.#invariants.ruleOut(this.#network.sentEntries.get(name) ?? []);
  }

  async #operation(name: string, store: ProfileStore, lease: Lease, signal: AbortSignal): Promise<void> {
    const common = { session: SESSION, lease, signal };
    const { live = [], content = 0 } = this.#invariants.newest ?? {};
    const generation = live.length > 0 ? this.#random.pick(live).n : 1;
    const choice = this.#random.next();
    if (choice < 0.6) await this.#save(store, lease, signal);
    else if (choice < 0.7) await store.mark({ ...common, generation: content || 1, as: "proven" });
    else if (choice < 0.74) await store.mark({ ...common, generation, as: "rejected" });
    else if (choice < 0.82) await store.rollback({ ...common, generation });
    else if (choice < 0.94) await store.prune(common);
    else if (choice < 0.95) await this.#delete(name, store, { session: SESSION, signal });
    else if (choice < 0.96) await store.undelete({ session: SESSION, signal });
    else if (choice < 0.98) {
      await this.#delete(name, store, { ...common, ...(this.#random.chance(0.3) ? { retainMs: 0 } : {}) });
    } else await store.undelete(common);
  }

  async #save(store: ProfileStore, lease: Lease, signal: AbortSignal): Promise<void> {
    const more: Record<string, Buffer> = {};
    // Few contents, so that the same chunks come and go and come again.
    for (let file = 0; file < 3; file++) {
      if (this.#random.chance(0.7)) more[`Default/${file}`] = CONTENTS[this.#random.below(CONTENTS.length)] as Buffer;
    }
    const files = profileFiles(`value ${this.#random.below(4)}`, more);
    const wid = this.#random.chance(0.9) ? "1@c.us" : "2@c.us";
    const capture = captureOf(files, { identity: this.#random.chance(0.5) });
    const report = await store.saveProfile({ session: SESSION, capture, lease, wid, signal });
    this.#outcome.saves++;
    if (!report.unchanged && !this.#invariants.committed.has(report.id)) {
      throw new Error(`a save was told "committed" whose entry ${report.generation} never was the newest`);
    }
    if (!report.unchanged) this.#contents.set(report.id, files);
  }

  async #reader(): Promise<void> {
    this.#reading = true;
    try {
      while (!this.#over) {
        const { newest } = this.#invariants;
        this.#invariants.wasAbsent = !newest?.content || newest.deleted !== undefined;
        await this.#refusable(this.#restore(READER), ["UNAVAILABLE", "ABSENT"]);
      }
    } finally {
      this.#reading = false;
      this.#wake();
    }
  }

  async #restore(name: string): Promise<void> {
    const into = join(this.#directory, `${this.#outcome.restores++}`);
    try {
      const store = this.#vault(name, () => true);
      const report = await store.restoreProfile({ session: SESSION, into });
      if (report.skipped.length > 0) throw new Error(`generations ${JSON.stringify(report.skipped)} did not verify`);
      const expected = this.#contents.get(report.id);
      // One whose save was reported as failed, and that arrived nevertheless, is not known here.
      if (expected) equal(await filesIn(into), expected, report.generation);
    } catch (error) {
      if (isVaultError(error, "ABSENT") && !this.#invariants.wasAbsent)
        throw new Error("a session that is there was taken for absent");
      throw error;
    } finally {
      await rm(into, { recursive: true, force: true });
    }
  }

  /** At the end, over the backend itself. */
  async #newestRestores(): Promise<void> {
    await this.#invariants.check();
    const { newest } = this.#invariants;
    const store = new Vault({ blobs: this.#backend });
    const exists = newest !== undefined && newest.content !== 0 && !newest.deleted;
    if ((await store.sessionExists({ session: SESSION })) !== exists) throw new Error("sessionExists is wrong");
    if (!exists) return;
    for (const { n, id } of newest.live) {
      const known = this.#contents.get(id);
      if (known) equal(await this.#invariants.filesOf(n), known, n);
    }
    if (!this.#withDisk) return;
    for (const { n, id } of newest.live) {
      const into = join(this.#directory, `last-${n}`);
      await store.restoreProfile({ session: SESSION, into, generation: n });
      const expected = this.#contents.get(id);
      if (expected) equal(await filesIn(into), expected, n);
      await rm(into, { recursive: true });
    }
  }

  #vault(name: string, alive: () => boolean): Vault {
    const warn = (message: string): void => this.#fail(new Error(`a warning: ${message}`));
    return new Vault({
      blobs: this.#network.blobs(name, alive),
      keep: 2,
      concurrency: name === READER ? 1 : 4,
      retries: this.#random.below(3),
      retryDelayMs: 0,
      onWarning: (message) => (KNOWN.some((begin) => message.startsWith(begin)) ? undefined : warn(message)),
    });
  }

  async #refusable<T>(work: Promise<T>, codes: readonly VaultErrorCode[]): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (error !== ENOUGH && (!isVaultError(error) || !codes.includes(error.code))) throw error;
      const what = isVaultError(error) ? error.code : "aborted";
      this.#outcome.refused.set(what, (this.#outcome.refused.get(what) ?? 0) + 1);
      return undefined;
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#over = true;
  }
}

/** Warnings that have their reason in what the network does, or in the backend. */
const KNOWN = ["Could not remove", "This store cannot create"];

/** Why an operation was given up. */
const ENOUGH = new Error("enough");

const CONTENTS: readonly Buffer[] = ["red", "green", "blue", "grey"].map((name) => Buffer.from(name.repeat(5)));

function equal(actual: Files, expected: Files, generation: number): void {
  const text = (files: Files): string =>
    JSON.stringify(
      Object.entries(files)
        .map(([path, bytes]) => [path, bytes.toString("hex")])
        .sort(),
    );
  if (text(actual) !== text(expected)) throw new Error(`generation ${generation} restored something else`);
}
