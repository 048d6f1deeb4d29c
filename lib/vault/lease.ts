import { Mutex } from "../async/mutex.ts";
import { VaultError } from "../errors.ts";
import type { Lease } from "../store.ts";
import type { VaultContext } from "./context.ts";
import type { Entry } from "./entry.ts";
import { EMPTY_LOG, entryAfter, entryFacts } from "./entry-draft.ts";
import { sessionKey } from "./layout.ts";
import { SessionLog } from "./log.ts";
import { PendingAppends } from "./pending-appends.ts";
import { SessionWriter } from "./session-writer.ts";

/** How often another process may come first while a session is being taken. */
const TRIES = 20;

/** The right to write one session, won with a `hold` entry. */
export class VaultLease implements Lease {
  readonly #context: VaultContext;
  readonly session: string;
  readonly epoch: number;
  /** Appends to the session's log; only by work that {@link run} runs. */
  readonly writer: SessionWriter;
  readonly #lost = new AbortController();
  readonly #operations: Mutex = new Mutex();
  #isReleased = false;

  private constructor(context: VaultContext, log: SessionLog, hold: Entry) {
    this.#context = context;
    this.session = log.session;
    this.epoch = hold.epoch;
    this.writer = new SessionWriter(context, log, hold, (taken) => this.#lose(taken));
  }

  /** The vault that gave the lease. */
  get context(): VaultContext {
    return this.#context;
  }

  /**
   * Takes the session: appends a `hold` entry, which counts once a second listing shows it as the newest. Whoever held
   * the session before is not waited for.
   * @param pending appends of the newest hold of this vault that may still take effect; a hold that was given up is added
   *   where nothing is created exclusively.
   */
  static async take(
    context: VaultContext,
    session: string,
    signal?: AbortSignal,
    pending: PendingAppends = new PendingAppends(),
  ): Promise<VaultLease> {
    const { exclusiveCreate } = await context.traits(signal);
    const frames = context.frames(session);
    const log = new SessionLog(context.blobs, frames, exclusiveCreate);
    for (let tries = 0; tries < TRIES; tries++) {
      const state = (await log.newest(signal)) ?? EMPTY_LOG;
      await frames.prepare(signal);
      const n = pending.numberAfter(state.n, log);
      const facts = entryFacts(n, state.epoch + 1, context.by, context.clock.wallMs());
      const hold = entryAfter(state, { kind: "hold" }, facts);
      const { committed } = await log.append(hold, signal).catch((error: unknown) => {
        if (!exclusiveCreate) pending.add(hold);
        throw error;
      });
      if (!committed || (await log.newestNumber(signal)) !== hold.n) continue;
      if (state.content === 0) await announce(context, session, signal);
      return new VaultLease(context, log, hold);
    }
    const why = "other processes kept taking it at the same moment";
    throw new VaultError("UNAVAILABLE", `Could not take ${session}: ${why}.`);
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async release(): Promise<void> {
    this.#isReleased = true;
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
    if (this.#isReleased) throw new VaultError("LEASE_LOST", `The lease of ${this.session} was released.`);
  }

  #lose({ by }: Entry): never {
    const hint = "Run one process per session.";
    this.#lost.abort(new VaultError("LEASE_LOST", `The session ${this.session} was taken over by ${by}.`, { hint }));
    throw this.#lost.signal.reason;
  }
}

/**
 * Makes the session known to listings, and to a reader that finds its log empty. After the first entry, so that only a
 * log that was lost is empty; before anything is saved, so that no saved session is unknown.
 */
async function announce(context: VaultContext, session: string, signal: AbortSignal | undefined): Promise<void> {
  const frame = await context.frames(session).encode("session", session, Buffer.from(JSON.stringify({ session })));
  await context.blobs.put(sessionKey(session), frame, { signal });
}
