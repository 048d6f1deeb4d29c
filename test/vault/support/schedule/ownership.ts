import type { Lease } from "../../../../lib/store.ts";
import type { Entry, LogState } from "../../../../lib/vault/entry.ts";
import { holdFolder, leasesPrefix } from "../../../../lib/vault/layout.ts";
import { REQUEST_MS } from "./network.ts";
import type { SimulatedProcess, Simulation } from "./simulation.ts";
import type { Truth } from "./truth.ts";

/** How often a lease is renewed while it lasts. */
const RENEWALS_PER_LEASE = 3;
/** A waiting process looks again after this time at most, in milliseconds. */
const POLL_MS = 5_000;
/** How many requests it takes to take a session, at most, when nothing goes wrong. */
const REQUESTS = 10;
/** For pauses before requests that are made again. */
const SLACK_MS = 2_000;

interface Held {
  readonly process: SimulatedProcess;
  readonly lease: Lease;
  readonly sinceMs: number;
  /** When another process has taken the session. */
  fencedAtMs?: number;
}

/** Who believes that it holds the session, and whether it was taken, waited for and told of as it must be. */
export class Ownership {
  readonly #simulation: Simulation;
  readonly #truth: Truth;
  readonly #session: string;
  /** Whether processes wait for one another: else only what is told to whom is looked at. */
  readonly #areLeasesKept: boolean;
  readonly #ttlMs: number;
  readonly #held = new Set<Held>();
  readonly #waiting = new Map<SimulatedProcess, number>();
  /** By the id of the hold: its sender, and whether it breaks the lease before it. */
  readonly #holds = new Map<string, { process: SimulatedProcess; breaks: boolean }>();
  /** By the folder of the lease: when it was released. */
  readonly #releasedAt = new Map<string, number>();

  constructor(
    simulation: Simulation,
    truth: Truth,
    { session, areLeasesKept, ttlMs }: { session: string; areLeasesKept: boolean; ttlMs: number },
  ) {
    this.#simulation = simulation;
    this.#truth = truth;
    this.#session = session;
    this.#areLeasesKept = areLeasesKept;
    this.#ttlMs = ttlMs;
  }

  /** Whether a process believes that it holds what is the newest epoch. */
  get isHeld(): boolean {
    return [...this.#held].some(({ lease }) => lease.epoch === this.#truth.newest.epoch);
  }

  /** Whether a process believes that it holds an epoch that is over. */
  get isAnyFenced(): boolean {
    return [...this.#held].some(({ lease }) => lease.epoch < this.#truth.newest.epoch);
  }

  /** A hold is about to be sent. */
  sends(process: SimulatedProcess, { id }: Entry, breaks: boolean): void {
    this.#holds.set(id, { process, breaks });
  }

  waits(process: SimulatedProcess): void {
    this.#waiting.set(process, this.#simulation.nowMs);
  }

  waitsNoMore(process: SimulatedProcess): void {
    this.#waiting.delete(process);
  }

  took(process: SimulatedProcess, lease: Lease): void {
    this.#held.add({ process, lease, sinceMs: this.#simulation.nowMs });
  }

  /** The process no longer believes that it has this lease. */
  gaveUp(lease: Lease): void {
    for (const held of this.#held) if (held.lease === lease) this.#held.delete(held);
  }

  /** To be called after each put that took effect. */
  put(key: string): void {
    const prefix = leasesPrefix(this.#session);
    if (!key.startsWith(prefix) || !key.endsWith("/released")) return;
    const folder = key.slice(prefix.length).split("/")[0] ?? "";
    if (!this.#releasedAt.has(folder)) this.#releasedAt.set(folder, this.#simulation.nowMs);
  }

  /** To be called with each entry that has become the newest, and the one before it. */
  newest(entry: Entry, before: LogState, beforeAtMs: number): void {
    if (entry.kind !== "hold") return;
    const { nowMs } = this.#simulation;
    for (const held of this.#held) if (held.lease.epoch < entry.epoch) held.fencedAtMs ??= nowMs;
    if (!this.#areLeasesKept || !before.lease) return;
    const taker = this.#holds.get(entry.id);
    const held = [...this.#held].find(({ lease }) => lease.epoch === before.epoch);
    if (!held || !taker || taker.breaks || !this.#believes(held) || !this.#isAwake(held.process)) return;
    const by = `taken by ${taker.process.name} from ${held.process.name}`;
    const wellMs = nowMs - Math.max(held.process.troubleAtMs, held.sinceMs);
    if (wellMs > 2 * (this.#renewMs + REQUEST_MS))
      throw new Error(`${by}, which has renewed in time for ${Math.round(wellMs / 1000)} s`);
    if (held.process.troubleAtMs <= held.sinceMs && nowMs - beforeAtMs < this.#watchMs)
      throw new Error(`${by}, which has just come`);
  }

  /** To be called after each event. @throws when a process could have known better for too long */
  check(): void {
    const { nowMs } = this.#simulation;
    for (const held of this.#held) {
      const { process, lease, fencedAtMs } = held;
      if (!this.#believes(held)) this.#held.delete(held);
      else if (fencedAtMs !== undefined && this.#areLeasesKept && this.#isAwake(process)) {
        const ableMs = nowMs - Math.max(fencedAtMs, process.troubleAtMs);
        if (ableMs > this.#renewMs + REQUEST_MS + SLACK_MS)
          throw new Error(
            `${process.name} could have known for ${Math.round(ableMs / 1000)} s that epoch ${lease.epoch} is over`,
          );
      }
    }
    if (!this.#areLeasesKept) return;
    for (const [process, sinceMs] of this.#waiting) {
      const freeSinceMs = this.#freeSince(process);
      if (freeSinceMs === undefined) continue;
      const ableMs = nowMs - Math.max(freeSinceMs, sinceMs, process.troubleAtMs, process.idleUntilMs);
      if (process.isAlive && this.#isAwake(process) && ableMs > POLL_MS + REQUESTS * REQUEST_MS)
        throw new Error(`${process.name} waits for ${Math.round(ableMs / 1000)} s for a session that nobody holds`);
    }
  }

  /** @throws when the store does not know that a lease was released that is the newest */
  assertReleased(lease: Lease): void {
    const { newest } = this.#truth;
    if (!newest.lease || newest.epoch !== lease.epoch || lease.lost.aborted) return;
    if (!this.#releasedAt.has(folderOf(newest)))
      throw new Error(`epoch ${newest.epoch} was released, and nobody was told`);
  }

  /** Whether a lease was alive at some time since `sinceMs`, which is the time of `moment`. */
  wasHeld(moment: number, sinceMs: number): boolean {
    return this.#truth.wasTrue(moment, (state) => {
      const releasedAt = this.#releasedAt.get(folderOf(state));
      return state.lease !== undefined && (releasedAt === undefined || releasedAt >= sinceMs);
    });
  }

  /** Since when a process can know that the session is free; `undefined` while it cannot. */
  #freeSince(process: SimulatedProcess): number | undefined {
    const { lease } = this.#truth.newest;
    const since = this.#truth.newestSinceMs;
    if (!lease) return since;
    const owner = this.#holds.get(lease.hold)?.process;
    // Of its own host a process sees who has ended.
    const diedAt = owner?.host === process.host ? owner.diedAtMs : Number.POSITIVE_INFINITY;
    const freeAt = Math.min(diedAt, this.#releasedAt.get(folderOf(this.#truth.newest)) ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(freeAt) ? Math.max(since, freeAt) : undefined;
  }

  #believes({ process, lease }: Held): boolean {
    return process.isAlive && !lease.lost.aborted;
  }

  #isAwake({ host }: SimulatedProcess): boolean {
    return host.pausedUntilMs <= this.#simulation.nowMs;
  }

  get #renewMs(): number {
    return this.#ttlMs / RENEWALS_PER_LEASE;
  }

  /** The shortest time in which a lease that has expired by the wall clock must be seen unchanged. */
  get #watchMs(): number {
    return Math.min(30_000, this.#ttlMs / 2);
  }
}

/** The folder of the lease in which the entry was written. */
function folderOf({ epoch, lease }: LogState): string {
  return lease ? holdFolder({ epoch, id: lease.hold }) : "";
}
