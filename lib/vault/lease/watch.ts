import type { VaultContext } from "../context.ts";
import type { LogState } from "../entry.ts";
import { LeaseBlobs } from "./lease-blobs.ts";
import { ownerName } from "./owner.ts";

/** A session that a live lease holds. */
export interface HeldSession {
  /** The process that holds it, `host:pid`. */
  readonly owner: string;
  readonly since: Date;
  /** When the watching process may take the session at the earliest, unless the lease is renewed or released. */
  readonly expiresAt: Date;
  /** After how many milliseconds to look again, at the latest. */
  readonly pollMs: number;
}

/** The longest time between two looks, in milliseconds. */
const POLL_MS = 5_000;
/** How many looks are made in one lease. */
const LOOKS_PER_LEASE = 30;

/**
 * What a vault has seen of the leases of one session. It decides when to try to take the session; the log decides who has
 * it. What was seen stays known between two calls: a caller that asks again and again waits as well.
 */
export class LeaseWatch {
  /** Keys of the lease that was looked at last: its next holder deletes them. */
  keys: readonly string[] = [];
  /** What was the newest sign of life, and the first moment at which it was known to be there. */
  #seen = "";
  #since = 0;
  /** Numbers of holds of this vault that nobody uses any more, by id: their appends may take effect late. */
  readonly #givenUp = new Map<string, number>();

  /** Remembers a hold whose append may still take effect, or has, and that nobody uses. */
  giveUp({ id, n }: LogState): void {
    this.#givenUp.set(id, n);
  }

  /** A hold of this vault is in the log. */
  taken({ n }: LogState): void {
    for (const [id, number] of this.#givenUp) if (number <= n) this.#givenUp.delete(id);
    this.keys = [];
  }

  /** Whether the session whose newest entry this is may be taken: `undefined` when it may. */
  async look(
    context: VaultContext,
    session: string,
    entry: LogState,
    signal?: AbortSignal,
  ): Promise<HeldSession | undefined> {
    const { lease } = entry;
    this.keys = [];
    if (!lease) return undefined;
    const { clock } = context;
    const blobs = new LeaseBlobs(context, session, entry.epoch, lease);
    const asked = clock.monotonicMs();
    const { isReleased, turn, keys } = await blobs.list(signal);
    const answered = clock.monotonicMs();
    this.keys = keys;
    // A hold that nobody uses, or a lease that was given back although the store did not take the release.
    if (isReleased || this.#givenUp.has(lease.hold) || (await context.processes.isGone(lease))) return undefined;
    // An entry is a sign of life as well as a renewal. A lease that is not there yet is watched like any other.
    const seen = `${entry.id} ${turn}`;
    if (this.#seen !== seen) {
      this.#seen = seen;
      this.#since = answered;
    }
    const { ttlMs } = lease;
    // From the first answer to the last question: the time of a request says nothing about the lease.
    const unchangedMs = Math.max(0, asked - this.#since);
    const now = clock.wallMs();
    let leftMs = ttlMs - unchangedMs;
    const expiresAt = turn === 0 ? undefined : await blobs.expiresAt(turn, signal);
    // Wall clocks may differ by any time: the lease also has to miss a renewal in this time.
    if (expiresAt !== undefined) leftMs = Math.min(leftMs, Math.max(ttlMs / 2 - unchangedMs, expiresAt + 1 - now));
    if (leftMs <= 0) return undefined;
    return {
      owner: ownerName(lease),
      since: new Date(lease.since),
      expiresAt: new Date(now + leftMs),
      pollMs: Math.min(POLL_MS, ttlMs / LOOKS_PER_LEASE, leftMs),
    };
  }
}
