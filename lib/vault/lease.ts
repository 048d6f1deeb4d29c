import { withSignal } from "../async/deadline.ts";
import { Mutex } from "../async/mutex.ts";
import { tell } from "../diagnostics/channels.ts";
import type { LeaseEvent } from "../diagnostics/events.ts";
import { markTold } from "../diagnostics/observe.ts";
import { VaultError } from "../errors.ts";
import type { Lease, SessionState } from "../store.ts";
import type { VaultContext } from "./context.ts";
import { type Entry, type LeaseTerms, sessionState } from "./entry.ts";
import { LeaseBlobs } from "./lease/lease-blobs.ts";
import { ownerName } from "./lease/owner.ts";
import { withPatience } from "./lease/patience.ts";
import { Renewals } from "./lease/renewals.ts";
import { giveUp, type Taken, type TakeOptions, takeSession } from "./lease/take.ts";
import { deleteEntries } from "./prune.ts";
import { SessionWriter } from "./session-writer.ts";
import { excessEntries } from "./sweep-log.ts";

/** Of a log of more entries the oldest holds are deleted when the session is taken: somewhat more than 4,096 stay. */
const FULL_LOG = 5_000;

/** The right to write one session, won with a `hold` entry. With a lease it keeps others out while it is renewed. */
export class VaultLease implements Lease {
  readonly #context: VaultContext;
  readonly session: string;
  readonly epoch: number;
  /** Appends to the session's log; only by work that {@link run} runs. */
  readonly writer: SessionWriter;
  readonly #lost = new AbortController();
  readonly #operations: Mutex;
  readonly #renewals: Renewals | undefined;
  readonly #giveUp: () => void;
  /** The lease before this one, unless it was released. */
  readonly earlier: LeaseTerms | undefined;
  /** As the hold says, which was the newest entry when it counted; absent where another holder may have replaced it. */
  readonly state?: SessionState;
  /** Whether a caller has it, and it is no hold for the calls of this vault alone. */
  readonly #isCallers: boolean;
  /** When it was taken, by the monotonic clock. */
  readonly #sinceMs: number;
  #release: Promise<void> | undefined;

  private constructor(
    context: VaultContext,
    { log, hold, seen, earlier }: Taken,
    { watch, operations, leased = false }: TakeOptions,
  ) {
    const { session } = log;
    const { epoch, lease } = hold;
    this.#context = context;
    this.#operations = operations ?? new Mutex();
    this.session = session;
    this.epoch = epoch;
    this.earlier = earlier;
    this.#isCallers = leased;
    this.#sinceMs = context.clock.monotonicMs();
    this.#giveUp = () => watch?.giveUp(hold);
    this.writer = new SessionWriter(context, log, hold, (taken) => this.#lose(taken), seen);
    if (!lease) return;
    this.state = sessionState(hold);
    this.#renewals = new Renewals(context, session, new LeaseBlobs(context, session, epoch, lease), lease, {
      look: (signal) => this.writer.lookBeside(signal),
      sign: () => this.#sign(),
      appendedAt: () => this.writer.appendedAt,
    });
  }

  /** The vault that gave the lease. */
  get context(): VaultContext {
    return this.#context;
  }

  /** Takes the session. @throws as {@link takeSession}, and the reason of the signal: then the session is given back. */
  static async take(context: VaultContext, session: string, options: TakeOptions = {}): Promise<VaultLease> {
    const taken = await takeSession(context, session, options);
    const lease = new VaultLease(context, taken, options);
    try {
      await withSignal(lease.#begin(taken), options.signal);
    } catch (error) {
      lease.#renewals?.stop();
      await giveUp(context, session, taken.hold, options.watch);
      throw error;
    }
    return lease;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async release(): Promise<void> {
    this.#giveUp();
    this.#release ??= this.lost.aborted ? Promise.resolve() : this.#giveBack();
    await this.#release;
  }

  /** Tells what has become of it; nothing of a hold that no caller has. */
  tell(change: LeaseEvent["change"], facts: Pick<LeaseEvent, "ms" | "other"> = {}): void {
    if (!this.#isCallers) return;
    const { session, epoch, earlier } = this;
    const { kind: store, by: owner, clock } = this.#context;
    tell("lease", () => ({
      session,
      store,
      change,
      owner,
      epoch,
      ms: clock.monotonicMs() - this.#sinceMs,
      ...(change === "acquired" && earlier ? { other: ownerName(earlier) } : {}),
      ...facts,
    }));
  }

  /** Runs `work` once all work before it on this lease has ended. @throws `LEASE_LOST` */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return await this.#operations.run(() => {
      this.assertHeld();
      return work();
    }, signal);
  }

  /** @throws `LEASE_LOST` when another process has taken the session, or the lease was released. */
  assertHeld(): void {
    this.#lost.signal.throwIfAborted();
    if (this.#release) throw new VaultError("LEASE_LOST", `The lease of ${this.session} was released.`);
  }

  async #giveBack(): Promise<void> {
    await this.#renewals?.release();
    this.tell("released");
  }

  async #begin({ earlierKeys, numbers }: Taken): Promise<void> {
    const { blobs, clock } = this.#context;
    const deleteEarlier = async (): Promise<void> => {
      if (earlierKeys.length > 0) await withPatience(clock, (signal) => blobs.delete(earlierKeys, { signal }));
    };
    // A process that dies at each start, before its first save, leaves a hold each time.
    const trimLog = async (): Promise<void> => {
      if (numbers.length <= FULL_LOG) return;
      await withPatience(clock, (signal) => deleteEntries(this, excessEntries(this.writer, numbers), signal));
    };
    await Promise.all([this.#renewals?.start(), deleteEarlier(), trimLog()]);
  }

  /**
   * An entry that changes nothing; none when another entry has come since, which is a sign of life as well. Waits for no
   * operation, which may upload for minutes.
   */
  async #sign(): Promise<void> {
    const { n } = this.writer.state;
    const draft = (state: { n: number }): { kind: "renewed" } | undefined =>
      state.n === n ? { kind: "renewed" } : undefined;
    this.assertHeld();
    await this.writer.commit(draft, undefined, { isFinal: false });
  }

  #lose({ by }: Entry): never {
    this.#renewals?.stop();
    const hint = "Run one process per session.";
    const lost = new VaultError("LEASE_LOST", `The session ${this.session} was taken over by ${by}.`, { hint });
    if (!this.lost.aborted && !this.#release) {
      this.tell("lost", { other: by });
      if (this.#isCallers) markTold(lost);
    }
    this.#lost.abort(lost);
    throw this.#lost.signal.reason;
  }
}
