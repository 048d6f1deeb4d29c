import { tell } from "../../diagnostics/channels.ts";
import { tellError } from "../../diagnostics/observe.ts";
import { VaultError } from "../../errors.ts";
import type { VaultContext } from "../context.ts";
import type { LeaseTerms } from "../entry.ts";
import { type Moment, NewestProof } from "../newest-proof.ts";
import type { LeaseBlobs } from "./lease-blobs.ts";
import { withPatience } from "./patience.ts";

/** How often a lease is renewed while it lasts. */
const RENEWALS_PER_LEASE = 3;
/** The most that a renewal may come late without a sign in the log, in milliseconds, for leases of a minute and more. */
const SLACK_MS = 5_000;
/** The same as a share of a shorter lease. */
const SLACK_SHARE = 1 / 12;
/** So many blobs of earlier renewals are deleted at most; the rest of a long outage is left to a sweep. */
const MOST_EARLIER = 64;

/** The work of a holder that renewals need. */
export interface RenewedHolder {
  /** Looks whether another holder has taken the session, also while a commit is under way. @throws when it has */
  look(signal: AbortSignal): Promise<void>;
  /** Appends an entry that says that the holder is alive. */
  sign(): Promise<void>;
  /** When the newest entry of the holder was sent, if one was. */
  appendedAt(): Moment | undefined;
}

/** Renews one lease until it is released or lost. Each renewal first looks whether the session is still held. */
export class Renewals {
  readonly #context: VaultContext;
  readonly #blobs: LeaseBlobs;
  readonly #session: string;
  readonly #ttlMs: number;
  readonly #holder: RenewedHolder;
  /** When the newest renewal that succeeded was begun. */
  #renewedAt: Moment;
  #turn = 1;
  /** Turns whose blobs may be in the store. */
  #turnsSent: number[] = [];
  #current = new AbortController();
  #isOver = false;
  /** Whether it was told that the lease has ended. */
  #isTold = false;

  constructor(context: VaultContext, session: string, blobs: LeaseBlobs, { ttlMs }: LeaseTerms, holder: RenewedHolder) {
    this.#context = context;
    this.#session = session;
    this.#blobs = blobs;
    this.#ttlMs = ttlMs;
    this.#holder = holder;
    this.#renewedAt = NewestProof.now(context.clock);
  }

  /** Begins. Resolves when the lease is stored, or after a few seconds: then the next renewal stores it. Never rejects. */
  async start(): Promise<void> {
    const began = this.#renewedAt;
    this.#schedule(began);
    await withPatience(this.#context.clock, (signal) => this.#put(1, began, signal));
  }

  /** Ends the renewals. */
  stop(): void {
    this.#isOver = true;
    this.#context.timer.clear(this);
    this.#current.abort();
  }

  /** Ends the renewals and tells the store. Takes a few seconds at most, and never rejects. */
  async release(): Promise<void> {
    this.stop();
    await this.#blobs.release();
  }

  /** Renewals come at their time whatever the one before waits for: a store that hangs must not hide another holder. */
  #schedule({ monotonicMs }: Moment): void {
    if (this.#isOver) return;
    this.#current.abort();
    this.#current = new AbortController();
    this.#context.timer.set(this, monotonicMs + this.#ttlMs / RENEWALS_PER_LEASE, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const began = NewestProof.now(this.#context.clock);
    const appended = this.#holder.appendedAt();
    if (appended && appended.monotonicMs > this.#renewedAt.monotonicMs) {
      // An entry shows life as a renewal does.
      this.#renewedAt = appended;
      if (began.monotonicMs < appended.monotonicMs + this.#ttlMs / RENEWALS_PER_LEASE) return this.#schedule(appended);
    }
    const isLate = this.#isLate(began);
    this.#schedule(began);
    const { signal } = this.#current;
    const turn = ++this.#turn;
    try {
      await this.#holder.look(signal);
      await this.#put(turn, began, signal);
      this.#renewedAt = began;
      // A process that has judged by the renewal that did not come finds the next number taken.
      if (isLate) this.#holder.sign().catch(() => {});
      await this.#deleteBefore(turn, signal);
      this.#isTold = false;
    } catch (error) {
      this.#tellError(signal.aborted ? new VaultError("UNAVAILABLE", "The store did not answer.") : error);
      this.#failed(signal.aborted ? "The store did not answer." : String(error));
    }
  }

  /** Once the lease has ended, the holder must be told: another process may run the session as well. */
  #failed(why: string): void {
    const sinceMs = this.#context.clock.monotonicMs() - this.#renewedAt.monotonicMs;
    if (this.#isOver || this.#isTold || sinceMs <= this.#ttlMs) return;
    this.#isTold = true;
    const what = `Could not renew the lease of ${this.#session} for ${Math.round(sinceMs / 1000)} s`;
    this.#context.warn(`${what}: another process may take the session and run it. ${why}`);
    const { kind: store, by: owner } = this.#context;
    const { epoch } = this.#blobs;
    tell("lease", () => ({ session: this.#session, store, change: "overdue", owner, epoch, ms: sinceMs }));
  }

  #tellError(error: unknown): void {
    if (this.#isOver) return;
    tellError("renew", { session: this.#session, store: this.#context.kind, epoch: this.#blobs.epoch }, error);
  }

  /** By the clock that says more: the monotonic one stands still while a machine is suspended. */
  #isLate(began: Moment): boolean {
    const { monotonicMs, wallMs } = this.#renewedAt;
    const sinceMs = Math.max(began.monotonicMs - monotonicMs, began.wallMs - wallMs);
    return sinceMs > this.#ttlMs / RENEWALS_PER_LEASE + Math.min(SLACK_MS, this.#ttlMs * SLACK_SHARE);
  }

  async #put(turn: number, { wallMs }: Moment, signal: AbortSignal): Promise<void> {
    this.#turnsSent = [...this.#turnsSent.slice(-MOST_EARLIER), turn];
    await this.#blobs.renew(turn, wallMs + this.#ttlMs, signal);
  }

  async #deleteBefore(turn: number, signal: AbortSignal): Promise<void> {
    const earlier = this.#turnsSent.filter((sent) => sent < turn);
    const keys = earlier.map((sent) => this.#blobs.key(sent));
    await this.#context.blobs.delete(keys, { signal });
    this.#turnsSent = this.#turnsSent.filter((sent) => sent >= turn);
  }
}
