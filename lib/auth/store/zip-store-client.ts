import { withDeadline, withSignal } from "../../async/deadline.ts";
import { lockAll, Mutex, mutexesOf, type Release } from "../../async/mutex.ts";
import { isVaultError, safeCause, safeMessage, VaultError } from "../../errors.ts";
import { isProfileStore, type SessionStore } from "../../store.ts";

/** The longest a store may take, in milliseconds: nobody knows whether somebody else's ever gives up by itself. */
export interface Limits {
  /** To say whether it has the session. */
  readonly answerMs: number;
  /** To take or bring a zip: some are gigabytes. */
  readonly transferMs: number;
  /** To delete: whatsapp-web.js waits for it before it tells of the end. */
  readonly deleteMs: number;
}

export const LIMITS: Limits = { answerMs: 60_000, transferMs: 900_000, deleteMs: 30_000 };

/** What all runs of this process share about one session of one store. */
interface Shared {
  /** A save or a delete has one until the store has settled it, also when nobody waits for it any more. */
  readonly turns: Mutex;
  /** Whether the store may hold something else than what it last said it took or brought. */
  unsure: boolean;
}

const shared = new WeakMap<SessionStore, Map<string, Shared>>();

function sharedOf(store: SessionStore, session: string): Shared {
  const sessions = shared.get(store) ?? new Map<string, Shared>();
  shared.set(store, sessions);
  const found = sessions.get(session) ?? { turns: new Mutex(), unsure: false };
  sessions.set(session, found);
  return found;
}

/**
 * One session in a store with whatsapp-web.js's four methods: each call is bounded, and its errors are ours. What
 * writes is done one at a time, also by runs that know nothing of one another: a store keeps what ends last.
 */
export class ZipStoreClient {
  readonly #store: SessionStore;
  readonly #session: string;
  readonly #limits: Limits;
  readonly #shared: Shared;

  constructor(store: SessionStore, session: string, limits: Limits) {
    this.#store = store;
    this.#session = session;
    this.#limits = limits;
    this.#shared = sharedOf(store, session);
  }

  /** Whether it may hold something else than what it last said it took or brought. */
  get unsure(): boolean {
    return this.#shared.unsure;
  }

  /** Waits for what is under way, whoever asked for it. */
  async idle(signal: AbortSignal): Promise<void> {
    const limitMs = this.#limits.transferMs;
    const expired = (cause: unknown): VaultError => this.#busy("read the session", limitMs, cause);
    await withDeadline({ limitMs, signal, expired }, (limited) => this.#shared.turns.idle(limited));
  }

  async exists(signal: AbortSignal): Promise<boolean> {
    const what = "look for the session";
    const limitMs = this.#limits.answerMs;
    const expired = (cause: unknown): VaultError => this.#silent(what, limitMs, cause);
    const answer: unknown = await withDeadline({ limitMs, signal, expired }, (limited) =>
      this.#ask(what, () => this.#store.sessionExists({ session: this.#session }), limited),
    );
    if (typeof answer === "boolean") return answer;
    throw new VaultError("UNAVAILABLE", `Could not look for the session ${this.#session}: the store did not say.`, {
      hint: "Its sessionExists answered neither true nor false, as wwebjs-aws-s3 does in an outage: check the store.",
    });
  }

  async extract(path: string, signal: AbortSignal): Promise<void> {
    const what = "read the session";
    const limitMs = this.#limits.transferMs;
    const expired = (cause: unknown): VaultError => this.#silent(what, limitMs, cause);
    await withDeadline({ limitMs, signal, expired }, (limited) =>
      this.#ask(what, () => this.#store.extract({ session: this.#session, path }), limited),
    );
    this.#shared.unsure = false;
  }

  /**
   * Does `work`, which makes a zip and sends it, when nothing else of the session, nor of these files, is under way.
   * @param work must call `end` when the store has let go of the zip, however that came
   */
  async saving<T>(
    files: readonly string[],
    signal: AbortSignal,
    work: (limited: AbortSignal, end: Release) => Promise<T>,
  ): Promise<T> {
    return await this.#inTurn("save the session", this.#limits.transferMs, signal, mutexesOf(files), work);
  }

  /** Sends a zip. Has no limit: it is {@link saving} that has. Until {@link sent} nobody knows what it came to. */
  async save(path: string): Promise<void> {
    this.#shared.unsure = true;
    await this.#ask("save the session", () => this.#store.save({ session: this.#session, path }));
  }

  /** The store has taken what was meant. */
  sent(): void {
    this.#shared.unsure = false;
  }

  async delete(retainMs: number | undefined): Promise<void> {
    const what = "delete the session";
    const session = this.#session;
    // Four methods have no word for it; a store of this package has, also when it is used by these.
    const options = retainMs === undefined || !isProfileStore(this.#store) ? { session } : { session, retainMs };
    // A save that nobody waits for any more must not arrive after the delete, nor the delete after the next save.
    await this.#inTurn(what, this.#limits.deleteMs, undefined, [], async (limited, end) => {
      const deleted = this.#ask(what, () => this.#store.delete(options)).finally(end);
      await withSignal(deleted, limited);
    });
  }

  async #inTurn<T>(
    what: string,
    limitMs: number,
    signal: AbortSignal | undefined,
    more: readonly Mutex[],
    work: (limited: AbortSignal, end: Release) => Promise<T>,
  ): Promise<T> {
    let waits = true;
    const expired = (cause: unknown): VaultError =>
      waits ? this.#busy(what, limitMs, cause) : this.#silent(what, limitMs, cause);
    return await withDeadline({ limitMs, signal, expired }, async (limited) => {
      const end = await lockAll([this.#shared.turns, ...more], limited);
      waits = false;
      return await work(limited, end);
    });
  }

  #silent(what: string, limitMs: number, cause: unknown): VaultError {
    const waited = `the store did not answer within ${limitMs / 1_000} s`;
    const hint = "Check that the store can be reached. What it was asked for may still take effect.";
    return new VaultError("UNAVAILABLE", `Could not ${what} ${this.#session}: ${waited}.`, { cause, hint });
  }

  #busy(what: string, limitMs: number, cause: unknown): VaultError {
    const waited = `the store did not answer within ${limitMs / 1_000} s to what it was asked before`;
    const hint =
      "A save or delete before it, of this bot or one with the same session name, has not ended and may still take " +
      "effect. Check the store; start the process anew if it never ends.";
    return new VaultError("UNAVAILABLE", `Could not ${what} ${this.#session}: ${waited}.`, { cause, hint });
  }

  async #ask<T>(what: string, call: () => Promise<T> | T, signal?: AbortSignal): Promise<T> {
    try {
      signal?.throwIfAborted();
      const answer = Promise.resolve(call());
      return await (signal === undefined ? answer : withSignal(answer, signal));
    } catch (cause) {
      if (isVaultError(cause) || (signal?.aborted && cause === signal.reason)) throw cause;
      throw new VaultError("UNAVAILABLE", `Could not ${what} ${this.#session}: ${safeMessage(cause)}`, {
        cause: safeCause(cause),
        hint: "Check that the store can be reached and that its credentials are right.",
      });
    }
  }
}
