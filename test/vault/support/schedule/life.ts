import { isVaultError, type VaultErrorCode } from "../../../../lib/errors.ts";
import type { Lease } from "../../../../lib/store.ts";
import type { Entry } from "../../../../lib/vault/entry.ts";
import type { Vault } from "../../../../lib/vault/vault.ts";
import { Operations, type Patience } from "./operations.ts";
import { RecordOperations } from "./record-operations.ts";
import type { SimulatedProcess, Simulation } from "./simulation.ts";
import type { World } from "./world.ts";

/** Why an operation was given up. */
const ENOUGH = new Error("enough");
/** How long somebody has patience at most who loses it, in milliseconds. */
const PATIENCE_MS = 20_000;

/**
 * `writer` takes the session, changes it and gives it back. `panel` changes it without a lease. `reader` reads. `observer`
 * looks at it when all is over.
 */
export type Kind = "writer" | "panel" | "reader" | "observer";

/** The life of one process. */
export class Life {
  readonly process: SimulatedProcess;
  readonly kind: Kind;
  #state: "new" | "begun" | "ended" = "new";
  readonly #world: World;
  readonly #store: Vault;
  readonly #operations: Operations;
  #isTaking = false;
  /** Whether the hold that is sent breaks the lease before it. */
  #isBreaking = false;

  constructor(world: World, process: SimulatedProcess, kind: Kind) {
    this.#world = world;
    this.process = process;
    this.kind = kind;
    this.#store = world.vault(process);
    this.#operations = new Operations(world, process, this.#store);
  }

  /** Whether nothing of it goes on any more. */
  get hasEnded(): boolean {
    return this.#state === "ended" || (this.#state === "new" && !this.process.isAlive);
  }

  /** Whether it may be deleting something now. */
  get isDeleting(): boolean {
    return this.#operations.deleting > 0;
  }

  /** Whether it does what must not come too late. */
  get isDelicate(): boolean {
    return this.isDeleting || this.#isTaking;
  }

  /** An entry of this process is about to be sent. */
  sends(entry: Entry): void {
    this.#operations.sends(entry);
    if (entry.kind === "hold") this.#world.ownership.sends(this.process, entry, this.#isBreaking);
  }

  async run(): Promise<void> {
    this.#state = "begun";
    try {
      if (this.kind === "writer") await this.#writer();
      else if (this.kind === "panel") await this.#rounds((patience) => this.#operations.changeUnleased(patience));
      else if (this.kind === "reader") await this.#rounds((patience) => this.#operations.read(patience));
      else await this.#operations.observe();
    } catch (error) {
      if (this.process.isAlive) this.#world.failure ??= error;
    } finally {
      this.#state = "ended";
      this.process.die(this.#world.simulation.nowMs);
    }
  }

  async #writer(): Promise<void> {
    const { ownership, plan } = this.#world;
    while (!this.#world.isOver) {
      const lease = await this.#take();
      if (lease) {
        ownership.took(this.process, lease);
        const records =
          plan.form === "records"
            ? new RecordOperations(this.#world, this.process, lease, this.#operations)
            : undefined;
        const change = (patience: Patience): Promise<void> => this.#operations.change(lease, patience);
        if (records) await this.#setRecords(records, lease);
        else await this.#rounds(change, lease);
        ownership.gaveUp(lease);
        // What is not released is renewed for as long as the process lives.
        if (plan.mode !== "alone" && this.#random.chance(0.3)) return;
        await this.#release(lease, records);
      }
      if (plan.mode !== "alone" && this.#random.chance(0.5)) return;
      if (!this.#world.isOver) await this.#pause();
    }
  }

  async #setRecords(records: RecordOperations, lease: Lease): Promise<void> {
    const change = (patience: Patience): Promise<void> => this.#operations.deleteOrUndelete({ lease, ...patience });
    if (this.#random.chance(0.15)) await this.#refusable("change", change, lease);
    const isOpen = await this.#refusable("open", (patience) => records.open(patience), lease);
    if (!isOpen) return;
    await this.#rounds(async (patience) => {
      if (this.#random.chance(0.1)) await this.#operations.prune(lease, patience);
      else await records.change();
    }, lease);
  }

  async #release(lease: Lease, records: RecordOperations | undefined): Promise<void> {
    const { simulation, ownership } = this.#world;
    const { nowMs } = simulation;
    await records?.close();
    await lease.release();
    if (this.process.troubleAtMs < nowMs && this.process.isAlive) ownership.assertReleased(lease);
  }

  /** @returns no lease when the process gives up. */
  async #take(): Promise<Lease | undefined> {
    const { session, plan, ownership, outcome } = this.#world;
    const waits = plan.mode === "leases";
    ownership.waits(this.process);
    this.#isTaking = true;
    try {
      while (!this.#world.isOver) {
        if (plan.areLeasesOn && this.#random.chance(waits ? 0.01 : 0.8)) await this.#break();
        const waitMs = waits ? this.#random.pick([0, 0, 30_000, 120_000, 600_000]) : 0;
        const lease = await this.#refusable("acquire", (patience) =>
          this.#store.acquire({ session, waitMs, ...patience }),
        );
        if (lease) outcome.takes++;
        if (lease || this.#random.chance(0.1)) return lease;
        await this.process.clock.sleep(this.#random.next() * 5_000);
      }
    } finally {
      this.#isTaking = false;
      ownership.waitsNoMore(this.process);
    }
    return undefined;
  }

  async #break(): Promise<void> {
    this.#isBreaking = true;
    await this.#refusable("break", (patience) => this.#operations.breakLease(patience));
    this.#isBreaking = false;
  }

  async #rounds(operation: (patience: Patience) => Promise<void>, lease?: Lease): Promise<void> {
    for (let rounds = 1 + this.#random.below(8); rounds > 0 && !this.#world.isOver; rounds--) {
      const work = (): Promise<unknown> => this.#refusable("operation", operation, lease);
      await Promise.all(this.#random.chance(0.1) ? [work(), work()] : [work()]);
      if (lease?.lost.aborted || this.#world.isOver) return;
      await this.#pause();
    }
  }

  /** Somebody may lose patience at any moment; what was sent by then still arrives. */
  async #refusable<T>(what: string, work: (patience: Patience) => Promise<T>, lease?: Lease): Promise<T | undefined> {
    const { simulation, outcome, truth } = this.#world;
    const began = { moment: truth.moment, sinceMs: simulation.nowMs };
    const controller = this.#random.chance(0.1) ? new AbortController() : undefined;
    const loseIt = (): void => controller?.abort(ENOUGH);
    const keepIt = controller && simulation.after(this.#random.next() * PATIENCE_MS, loseIt, this.process);
    try {
      return await work(controller ? { signal: controller.signal } : {});
    } catch (error) {
      if (!this.process.isAlive) throw error;
      const code = this.#refusal(what, error, lease, began);
      simulation.say(this.process.name, () => `${what} ends: ${code}`);
      outcome.refused.set(code, (outcome.refused.get(code) ?? 0) + 1);
      return undefined;
    } finally {
      keepIt?.();
    }
  }

  /** The code of an error that has its reason in what happens to others. @throws any other error */
  #refusal(
    what: string,
    error: unknown,
    lease: Lease | undefined,
    { moment, sinceMs }: { moment: number; sinceMs: number },
  ): VaultErrorCode | "aborted" {
    if (error === ENOUGH) return "aborted";
    if (!isVaultError(error)) throw error;
    const { plan, ownership, truth } = this.#world;
    const { code } = error;
    if (code === "UNAVAILABLE") return code;
    if (plan.mode === "lossy" && (code === "CORRUPT" || code === "ABSENT")) return code;
    const isRight =
      plan.mode === "lossy" ||
      (code === "LEASE_LOST" && (!lease || truth.newest.epoch > lease.epoch)) ||
      // Calls without a lease share one attempt to take the session, which may have begun before.
      (code === "LEASE_HELD" && (what !== "acquire" || ownership.wasHeld(moment, sinceMs)));
    if ((code === "LEASE_LOST" || code === "LEASE_HELD") && isRight) return code;
    throw new Error(`${this.process.name} was told what is not so`, { cause: error });
  }

  async #pause(): Promise<void> {
    await this.process.clock.sleep(this.#random.pick(this.#world.plan.pauses) * this.#random.next());
  }

  get #random(): Simulation["random"] {
    return this.#world.simulation.random;
  }
}
