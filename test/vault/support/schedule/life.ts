import { isVaultError, type VaultErrorCode } from "../../../../lib/errors.ts";
import type { Capture, Lease } from "../../../../lib/store.ts";
import type { Entry } from "../../../../lib/vault/entry.ts";
import type { Vault } from "../../../../lib/vault/vault.ts";
import { captureOf, type Files, profileFiles } from "../../../contract/profile.ts";
import { takeProfile } from "./memory-profiles.ts";
import type { Network } from "./network.ts";
import type { Ownership } from "./ownership.ts";
import type { Plan } from "./plan.ts";
import type { Outcome } from "./run.ts";
import type { SimulatedProcess, Simulation } from "./simulation.ts";
import type { Truth } from "./truth.ts";

/** What all processes of a schedule share. */
export interface World {
  readonly simulation: Simulation;
  readonly plan: Plan;
  readonly network: Network;
  readonly truth: Truth;
  readonly ownership: Ownership;
  readonly session: string;
  /** Whether processes are to end what they do, and begin nothing more. */
  isOver: boolean;
  failure?: unknown;
  /** By the id of the entry: the files of a generation, from the moment its entry was sent. */
  readonly contents: Map<string, Files>;
  readonly outcome: Outcome;
  vault(process: SimulatedProcess): Vault;
  ended(life: Life): void;
}

/** Why an operation was given up. */
const ENOUGH = new Error("enough");
const CONTENTS: readonly Buffer[] = ["red", "green", "blue", "grey"].map((name) => Buffer.from(name.repeat(5)));

/** The life of one process: operations, one after the other, each checked against the truth. */
export class Life {
  readonly process: SimulatedProcess;
  readonly kind: "writer" | "panel" | "reader" | "observer";
  hasEnded = false;
  /** Operations under way that may delete. */
  deleting = 0;
  readonly #world: World;
  readonly #store: Vault;
  /** Whether the hold that is sent breaks the lease before it. */
  #isBreaking = false;
  /** The files of the save under way. */
  #saving: Files | undefined;
  /** Ids of the entries that this process has sent. */
  readonly #sent = new Set<string>();

  constructor(world: World, process: SimulatedProcess, kind: Life["kind"]) {
    this.#world = world;
    this.process = process;
    this.kind = kind;
    this.#store = world.vault(process);
  }

  /** An entry of this process is about to be sent. */
  sends(entry: Entry): void {
    this.#sent.add(entry.id);
    if (entry.kind === "hold") this.#world.ownership.sends(this.process, entry, this.#isBreaking);
    if (entry.kind === "save" && this.#saving) this.#world.contents.set(entry.id, this.#saving);
  }

  async run(): Promise<void> {
    try {
      if (this.kind === "writer") await this.#writer();
      else if (this.kind === "panel") await this.#rounds((signal) => this.#call(signal));
      else await this.#rounds((signal) => this.#read(signal));
    } catch (error) {
      if (this.process.isAlive) this.#world.failure ??= error;
    } finally {
      this.hasEnded = true;
      this.process.die();
      if (this.#world.isOver) this.#world.ended(this);
    }
  }

  /** Once nothing goes on any more: everything that is kept is whole, and nothing else is kept. */
  async observe(): Promise<void> {
    const { truth, session } = this.#world;
    const { content, live, deleted } = truth.newest;
    const exists = content !== 0 && !deleted;
    if ((await this.#store.sessionExists({ session })) !== exists) throw new Error("sessionExists is wrong");
    if (!exists) return;
    for (const { n } of live) await this.#restore(n);
    await this.#restore();
  }

  get #random(): Simulation["random"] {
    return this.#world.simulation.random;
  }

  async #pause(): Promise<void> {
    await this.process.clock.sleep(this.#random.pick(this.#world.plan.pauses) * this.#random.next());
  }

  async #writer(): Promise<void> {
    const { plan, ownership } = this.#world;
    while (!this.#world.isOver) {
      const lease = await this.#take();
      if (lease) {
        ownership.took(this.process, lease);
        await this.#rounds((signal) => this.#operation(lease, signal), lease);
        ownership.gaveUp(lease);
        // What is not released is renewed for as long as the process lives.
        if (plan.mode !== "alone" && this.#random.chance(0.3)) return;
        await lease.release();
      }
      if (plan.mode !== "alone" && this.#random.chance(0.5)) return;
      if (!this.#world.isOver) await this.#pause();
    }
  }

  /** @returns no lease when the process gives up. */
  async #take(): Promise<Lease | undefined> {
    const { session, plan, ownership } = this.#world;
    const waits = plan.mode === "leases";
    while (!this.#world.isOver) {
      if (!waits && plan.areLeasesOn && this.#random.chance(0.8))
        await this.#refusable("break", (signal) => this.#break(signal));
      const waitMs = waits ? this.#random.pick([0, 0, 30_000, 120_000, 600_000]) : 0;
      ownership.waits(this.process);
      const lease = await this.#refusable("acquire", (signal) => this.#store.acquire({ session, waitMs, signal }));
      if (lease || this.#random.chance(0.1)) {
        ownership.waitsNoMore(this.process);
        return lease;
      }
      await this.process.clock.sleep(this.#random.next() * 5_000);
    }
    return undefined;
  }

  /** Takes the session from whoever has it. */
  async #break(signal: AbortSignal): Promise<void> {
    const { session, truth, plan } = this.#world;
    const { epoch } = truth.newest;
    this.#isBreaking = true;
    try {
      await this.#store.breakLease({ session, signal });
    } finally {
      this.#isBreaking = false;
    }
    if (plan.mode !== "lossy" && epoch > 0 && truth.newest.epoch <= epoch)
      throw new Error(`${this.process.name} broke a lease, and nobody was fenced`);
  }

  async #rounds(operation: (signal: AbortSignal) => Promise<void>, lease?: Lease): Promise<void> {
    for (let rounds = 1 + this.#random.below(8); rounds > 0 && !this.#world.isOver; rounds--) {
      await this.#refusable("operation", operation, lease);
      if (lease?.lost.aborted || this.#world.isOver) return;
      await this.#pause();
    }
  }

  /** Somebody may lose patience at any moment; what was sent by then still arrives. */
  async #refusable<T>(what: string, work: (signal: AbortSignal) => Promise<T>, lease?: Lease): Promise<T | undefined> {
    const { simulation, outcome, truth } = this.#world;
    const { moment } = truth;
    const { nowMs } = simulation;
    const controller = new AbortController();
    const isImpatient = this.#random.chance(0.1);
    const stop = isImpatient
      ? simulation.after(this.#random.next() * 20_000, () => controller.abort(ENOUGH), this.process)
      : undefined;
    try {
      return await work(controller.signal);
    } catch (error) {
      if (!this.process.isAlive) throw error;
      const code = this.#accept(what, error, lease, { moment, sinceMs: nowMs });
      simulation.say(this.process.name, () => `${what} ends: ${code}`);
      outcome.refused.set(code, (outcome.refused.get(code) ?? 0) + 1);
      return undefined;
    } finally {
      stop?.();
    }
  }

  /** @throws what may not happen. */
  #accept(
    what: string,
    error: unknown,
    lease: Lease | undefined,
    { moment, sinceMs }: { moment: number; sinceMs: number },
  ): VaultErrorCode | "aborted" {
    if (error === ENOUGH) return "aborted";
    if (!isVaultError(error)) throw error;
    if (error.code === "UNAVAILABLE") return error.code;
    if (error.code === "LEASE_LOST") {
      const { newest } = this.#world.truth;
      const isRight = this.#world.plan.mode === "lossy" || !lease || newest.epoch > lease.epoch;
      if (isRight) return error.code;
      throw new Error(
        `${this.process.name} was told that its lease is lost, and nobody has taken it: ${error.message}`,
      );
    }
    if (error.code === "LEASE_HELD") {
      const { plan, ownership } = this.#world;
      if (plan.mode === "lossy" || ownership.wasHeld(moment, sinceMs)) return error.code;
      throw new Error(`${this.process.name} was told that the session is held, and it was not: ${error.message}`);
    }
    // Was checked where it was thrown.
    if (error.code === "ABSENT") return error.code;
    throw new Error(`${what} of ${this.process.name} failed`, { cause: error });
  }

  /** Runs `work`, and sees whether its result, or that there is nothing, was true at some time meanwhile. */
  async #checked(
    what: string,
    work: () => Promise<unknown>,
    holds: Parameters<Truth["wasTrue"]>[1],
    isAbsent: Parameters<Truth["wasTrue"]>[1] = () => false,
  ): Promise<void> {
    const { truth, plan, simulation } = this.#world;
    const { moment } = truth;
    simulation.say(this.process.name, () => `${what} …`);
    let wasAbsent = false;
    try {
      await work();
    } catch (error) {
      if (!isVaultError(error, "ABSENT")) throw error;
      wasAbsent = true;
    }
    simulation.say(this.process.name, () => `${what}: ${wasAbsent ? "absent" : "done"}`);
    if (plan.mode !== "lossy" && !truth.wasTrue(moment, wasAbsent ? isAbsent : holds))
      throw new Error(
        `${what} of ${this.process.name} ended ("${wasAbsent ? "absent" : "done"}"), and that was not so at any time meanwhile`,
      );
  }

  async #operation(lease: Lease, signal: AbortSignal): Promise<void> {
    const { session } = this.#world;
    const store = this.#store;
    const common = { session, lease, signal };
    const choice = this.#random.next();
    if (choice < 0.6) await this.#save(lease, signal);
    else if (choice < 0.7) await this.#mark(lease, this.#someGeneration(true), "proven", signal);
    else if (choice < 0.74) await this.#mark(lease, this.#someGeneration(false), "rejected", signal);
    else if (choice < 0.82) await this.#rollback(lease, this.#someGeneration(false), signal);
    else if (choice < 0.94) await store.prune(common);
    else if (choice < 0.96) await this.#call(signal);
    else if (choice < 0.98) await this.#delete({ ...common, ...(this.#random.chance(0.3) ? { retainMs: 0 } : {}) });
    else await this.#undelete(common);
  }

  /** Without a lease. */
  async #call(signal: AbortSignal): Promise<void> {
    const { session } = this.#world;
    const choice = this.#random.next();
    if (choice < 0.4) await this.#delete({ session, signal });
    else if (choice < 0.5) await this.#delete({ session, signal, retainMs: 0 });
    else await this.#undelete({ session, signal });
  }

  #someGeneration(isCurrent: boolean): number {
    const { content, live } = this.#world.truth.newest;
    if (isCurrent && content !== 0) return content;
    return live.length > 0 ? this.#random.pick(live).n : 1;
  }

  async #mark(lease: Lease, generation: number, as: "proven" | "rejected", signal: AbortSignal): Promise<void> {
    await this.#checked(
      `mark ${generation} ${as}`,
      () => this.#store.mark({ session: this.#world.session, lease, generation, as, signal }),
      ({ live }) =>
        live.some(({ n, proven, rejected }) => n === generation && (as === "proven" ? proven && !rejected : rejected)),
      ({ live }) => !live.some(({ n }) => n === generation),
    );
  }

  async #rollback(lease: Lease, generation: number, signal: AbortSignal): Promise<void> {
    await this.#checked(
      `rollback to ${generation}`,
      () => this.#store.rollback({ session: this.#world.session, lease, generation, signal }),
      ({ content, deleted }) => content === generation && !deleted,
      ({ content, deleted, live }) => content === 0 || deleted !== undefined || !live.some(({ n }) => n === generation),
    );
  }

  async #delete(options: Parameters<Vault["delete"]>[0]): Promise<void> {
    const isFinal = options.retainMs === 0;
    await this.#checked(
      isFinal ? "delete for good" : "delete",
      () => this.#store.delete(options),
      ({ content, deleted }) => content === 0 || (deleted !== undefined && !isFinal),
    );
    // What this process sent before may not undo it.
    if (this.#world.plan.mode !== "lossy") this.#world.truth.ruleOut(this.#sent);
  }

  async #undelete(options: Parameters<Vault["undelete"]>[0]): Promise<void> {
    await this.#checked(
      "undelete",
      () => this.#store.undelete(options),
      ({ content, deleted }) => content !== 0 && !deleted,
      ({ content, deleted }) => content === 0 || deleted !== undefined,
    );
  }

  async #save(lease: Lease, signal: AbortSignal): Promise<void> {
    const { truth, session, outcome, plan } = this.#world;
    const more: Record<string, Buffer> = {};
    // Few contents, so that the same chunks come and go and come again.
    for (let file = 0; file < 3; file++) {
      if (this.#random.chance(0.7)) more[`Default/${file}`] = CONTENTS[this.#random.below(CONTENTS.length)] as Buffer;
    }
    const files = profileFiles(`value ${this.#random.below(4)}`, more);
    const wid = this.#random.chance(0.9) ? "1@c.us" : "2@c.us";
    const taken: Capture = captureOf(files, { identity: this.#random.chance(0.5) });
    const capture = { ...taken, takenAt: new Date(this.process.clock.wallMs()) };
    const { moment } = truth;
    this.#world.simulation.say(this.process.name, () => "save …");
    this.#saving = files;
    const report = await this.#store.saveProfile({ session, capture, lease, wid, signal }).finally(() => {
      this.#saving = undefined;
    });
    outcome.saves++;
    const { id, generation, unchanged } = report;
    this.#world.simulation.say(this.process.name, () => `save: ${generation}${unchanged ? ", unchanged" : ""}`);
    if (plan.mode === "lossy") return;
    if (!unchanged && !truth.wasNewest(id))
      throw new Error(`a save was told "committed" whose entry ${generation} never was the newest`);
    if (
      unchanged &&
      !truth.wasTrue(
        moment,
        ({ content, live, deleted }) => !deleted && live.some((one) => one.n === content && one.id === id),
      )
    )
      throw new Error(
        `a save was told "unchanged", and its generation, ${generation}, was not current at any time meanwhile`,
      );
  }

  async #read(signal: AbortSignal): Promise<void> {
    const choice = this.#random.next();
    if (choice < 0.6) return this.#restore(undefined, signal);
    const { session } = this.#world;
    let found: Awaited<ReturnType<Vault["state"]>>;
    await this.#checked(
      "look",
      async () => {
        found = await this.#store.state({ session, signal });
      },
      ({ n, epoch }) => n === (found?.entry ?? 0) && epoch === (found?.epoch ?? 0),
    );
  }

  async #restore(generation?: number, signal?: AbortSignal): Promise<void> {
    const { truth, session, outcome, contents, plan } = this.#world;
    const { moment } = truth;
    const into = `restored-${this.process.name}-${outcome.restores++}`;
    const named = generation === undefined ? {} : { generation };
    try {
      const report = await this.#store.restoreProfile({ session, into, ...named, ...(signal ? { signal } : {}) });
      const { id, generation: n, skipped } = report;
      const files = takeProfile(into);
      if (plan.mode !== "lossy" && skipped.length > 0)
        throw new Error(`generations ${JSON.stringify(skipped)} did not verify`);
      if (
        plan.mode !== "lossy" &&
        generation === undefined &&
        !truth.wasTrue(moment, ({ content, deleted }) => content === n && !deleted)
      )
        throw new Error(`generation ${n} was restored, and was not current at any time meanwhile`);
      const expected = contents.get(id);
      if (!expected) throw new Error(`generation ${n} was restored, and nobody has saved it`);
      equal(files, expected, n);
    } catch (error) {
      if (!isVaultError(error, "ABSENT")) throw error;
      if (
        plan.mode !== "lossy" &&
        !truth.wasTrue(moment, ({ content, deleted }) => content === 0 || deleted !== undefined)
      )
        throw new Error("a session that is there was taken for absent");
    }
  }
}

function equal(actual: Files, expected: Files, generation: number): void {
  const text = (files: Files): string =>
    JSON.stringify(
      Object.entries(files)
        .map(([path, bytes]) => [path, bytes.toString("hex")])
        .sort(),
    );
  if (text(actual) !== text(expected)) throw new Error(`generation ${generation} restored something else`);
}
