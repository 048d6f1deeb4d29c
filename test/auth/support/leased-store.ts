import { MemoryStore } from "../../../adapters/memory.ts";
import { withSignal } from "../../../lib/async/deadline.ts";
import type { Lease, RestoreReport, SaveReport, SessionState } from "../../../lib/store.ts";
import { type Gate, gate } from "../../support/gate.ts";

type Step = "acquire" | "acquired" | "state" | "restore" | "save" | "saved" | "delete";

/** A vault whose leases are counted and can be lost at will, and whose steps can be held up or made to fail. */
export class LeasedStore extends MemoryStore {
  /** How many leases are held. */
  held = 0;
  /** The `waitMs` of every call of `acquire`. */
  readonly waits: (number | undefined)[] = [];
  /** Whether `acquire` heeds its signal. */
  heedsSignal = true;
  readonly #gates: Partial<Record<Step, { reached: Gate; go: Gate }>> = {};
  readonly #failures: Partial<Record<Step, unknown>> = {};
  #lose: ((reason: unknown) => void) | undefined;

  override async acquire(options: Parameters<MemoryStore["acquire"]>[0]): Promise<Lease> {
    this.waits.push(options.waitMs);
    const { session } = options;
    await this.#pass("acquire", this.heedsSignal ? options.signal : undefined);
    const lease = await super.acquire({ session });
    this.held += 1;
    const lost = new AbortController();
    this.#lose = (reason) => lost.abort(reason);
    lease.lost.addEventListener("abort", () => lost.abort(lease.lost.reason));
    let isReleased = false;
    const release = lease.release.bind(lease);
    // So that a start asks for it, as of a store whose leases do not tell.
    Object.defineProperty(lease, "state", { value: undefined });
    Object.defineProperty(lease, "lost", { value: lost.signal });
    Object.defineProperty(lease, "release", {
      value: async () => {
        if (!isReleased) this.held -= 1;
        isReleased = true;
        await release();
      },
    });
    await this.#pass("acquired");
    return lease;
  }

  override async state(options: Parameters<MemoryStore["state"]>[0]): Promise<SessionState | undefined> {
    await this.#pass("state");
    return await super.state(options);
  }

  override async restoreProfile(options: Parameters<MemoryStore["restoreProfile"]>[0]): Promise<RestoreReport> {
    await this.#pass("restore", options.signal);
    return await super.restoreProfile(options);
  }

  override async saveProfile(options: Parameters<MemoryStore["saveProfile"]>[0]): Promise<SaveReport> {
    await this.#pass("save", options.signal);
    const report = await super.saveProfile(options);
    await this.#pass("saved");
    return report;
  }

  override async delete(options: Parameters<MemoryStore["delete"]>[0]): Promise<void> {
    await this.#pass("delete");
    await super.delete(options);
  }

  /** Another process takes the session: the newest lease is lost, between two calls. */
  lose(reason: unknown): void {
    this.#lose?.(reason);
  }

  /** Holds the next such step up. */
  hold(step: Step): { reached: Promise<void>; go: () => void } {
    const [reached, go] = [gate(), gate()];
    this.#gates[step] = { reached, go };
    return { reached: reached.opened, go: go.open };
  }

  /** Makes the next such step fail. */
  fail(step: Step, error: unknown): void {
    this.#failures[step] = error;
  }

  async #pass(step: Step, signal?: AbortSignal): Promise<void> {
    const { reached, go } = this.#gates[step] ?? {};
    delete this.#gates[step];
    reached?.open();
    if (go) await withSignal(go.opened, signal);
    if (!(step in this.#failures)) return;
    const error = this.#failures[step];
    delete this.#failures[step];
    throw error;
  }
}
