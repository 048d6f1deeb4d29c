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
  /** The same, from now on, in milliseconds. */
  readonly leftMs: number;
  /** How long the lease lasts after each renewal, in milliseconds. */
  readonly ttlMs: number;
  /** Whether the lease has ended by this process's wall clock. */
  readonly hasExpired: boolean;
}

/** What one look has found. */
export interface Seen {
  /** The live lease; `undefined` when the session may be taken. */
  readonly held?: HeldSession | undefined;
  /** Whether the lease was released, or nobody uses it. */
  readonly isFree: boolean;
  /** Keys of the lease, which its next holder deletes. */
  readonly keys: readonly string[];
}

/**
 * What a vault has seen of the leases of one session. It decides when to try to take the session; the log decides who has
 * it. What was seen stays known between two calls: a caller that asks again and again waits as well.
 */
export class LeaseWatch {
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
  }

  /** Whether the session whose newest entry this is may be taken. */
  async look(context: VaultContext, session: string, entry: LogState, signal?: AbortSignal): Promise<Seen> {
    const { lease } = entry;
    if (!lease) return { isFree: true, keys: [] };
    const { clock } = context;
    const blobs = new LeaseBlobs(context, session, entry.epoch, lease);
    const asked = clock.monotonicMs();
    const { isReleased, turn, keys } = await blobs.list(signal);
    const answered = clock.monotonicMs();
    // A hold that nobody uses, or a lease that was given back although the store did not take the release.
    if (isReleased || this.#givenUp.has(lease.hold)) return { isFree: true, keys };
    if (await context.processes.isGone(lease)) return { isFree: false, keys };
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
    if (leftMs <= 0) return { isFree: false, keys };
    const held: HeldSession = {
      owner: ownerName(lease),
      since: new Date(lease.since),
      expiresAt: new Date(now + leftMs),
      leftMs,
      ttlMs,
      hasExpired: expiresAt !== undefined && expiresAt < now,
    };
    return { held, isFree: false, keys };
  }
}
