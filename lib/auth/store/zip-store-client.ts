import { withDeadline, withSignal } from "../../async/deadline.ts";
import { lockAll, Mutex, mutexesOf, type Release } from "../../async/mutex.ts";
import { isVaultError, noAnswer, safeCause, safeMessage, VaultError } from "../../errors.ts";
import { isProfileStore, type SessionStore } from "../../store.ts";
import { type NotShown, untilShown } from "../../until-shown.ts";
import type { WrittenFiles } from "./written-files.ts";
import { ZipReadBack } from "./zip-read-back.ts";

/** The longest time of each call of a store, in milliseconds: the store may have no limits of its own. */
export const LIMITS = {
  /** For `sessionExists`. */
  answerMs: 60_000,
  /** For `save` and `extract`: some zips have gigabytes. */
  transferMs: 900_000,
  /** For `delete`: whatsapp-web.js emits `disconnected` only after it. */
  deleteMs: 30_000,
  /** From the end of `save` until the store shows what it has: some resolve first and read the zip later. */
  shownMs: 30_000,
  /** From the end of each call of `save`, how long the zip stays: some open it only then, and a missing file ends the process. */
  graceMs: 60_000,
};

/** Of the saves of a store that has returned the last zip it was asked for, one in so many is read back: zips are large. */
const READ_BACK_EVERY = 10;

/** The state of one session of one store that all runs of this process share. */
class SharedState {
  /** Held by a save or a delete until the store's own promise has settled, even after the call was aborted. */
  readonly writes: Mutex = new Mutex();
  /** Whether the stored zip may differ from the last zip that the store has confirmed. */
  unsure = false;
  /** How many of the next saves need not be read back: none after a save that has failed. */
  believed = 0;
  /** Whether the store has been seen to show a zip only some time after it called it saved: it is asked to return each. */
  isLate = false;
}

const shared = new WeakMap<SessionStore, Map<string, SharedState>>();

function sharedStateOf(store: SessionStore, session: string): SharedState {
  const sessions = shared.get(store) ?? new Map<string, SharedState>();
  shared.set(store, sessions);
  const found = sessions.get(session) ?? new SharedState();
  sessions.set(session, found);
  return found;
}

/**
 * One session in a store with whatsapp-web.js's four methods: each call has a time limit and throws `VaultError`s. All
 * runs of this process make their saves and deletes one at a time, because the store keeps the result of the last one.
 */
export class ZipStoreClient {
  readonly #store: SessionStore;
  readonly #session: string;
  readonly #limits: typeof LIMITS;
  readonly #shared: SharedState;
  /** Whether the store has returned a zip that it was given through this object. */
  #hasReturned = false;

  constructor(store: SessionStore, session: string, limits: typeof LIMITS) {
    this.#store = store;
    this.#session = session;
    this.#limits = limits;
    this.#shared = sharedStateOf(store, session);
  }

  /** Whether the stored zip may differ from the last zip that the store has confirmed. */
  get unsure(): boolean {
    return this.#shared.unsure;
  }

  /** Waits for the saves and deletes under way, of all runs of this process. */
  async idle(signal: AbortSignal): Promise<void> {
    const limitMs = this.#limits.transferMs;
    const expired = (cause: unknown): VaultError => this.#busyError("read the session", limitMs, cause);
    await withDeadline({ limitMs, signal, expired }, (limited) => this.#shared.writes.idle(limited));
  }

  async exists(signal: AbortSignal): Promise<boolean> {
    const ask = (): Promise<boolean> | boolean => this.#store.sessionExists({ session: this.#session });
    const answer: unknown = await this.#callWithin("look for the session", this.#limits.answerMs, signal, ask);
    if (typeof answer === "boolean") return answer;
    throw noAnswer(`Could not look for the session ${this.#session}`, answer);
  }

  /** Has the store write its zip to one of the files. */
  async extract(files: WrittenFiles, signal: AbortSignal): Promise<void> {
    await this.#read(files, signal);
    this.#shared.unsure = false;
  }

  async #read(files: WrittenFiles, signal: AbortSignal): Promise<void> {
    const read = (): Promise<unknown> => files.write((path) => this.#store.extract({ session: this.#session, path }));
    await this.#callWithin("read the session", this.#limits.transferMs, signal, read);
  }

  /**
   * Does `work`, which makes a zip and sends it, when no other save or delete of the session, nor of these files, is
   * under way.
   * @param work must call `end` when the store's promise has settled, also after a failure
   */
  async saving<T>(
    files: readonly string[],
    signal: AbortSignal,
    work: (limited: AbortSignal, end: Release) => Promise<T>,
  ): Promise<T> {
    return await this.#inTurn("save the session", this.#limits.transferMs, signal, mutexesOf(files), work);
  }

  /** Sends a zip, without a limit of its own: see {@link saving}. The store is {@link unsure} until it was {@link shown}. */
  async save(path: string): Promise<void> {
    this.#shared.unsure = true;
    await this.#call("save the session", () => this.#store.save({ session: this.#session, path }));
  }

  /**
   * To be called when `save` has resolved: waits until the store shows that it has taken the zip. It is not
   * {@link unsure} any more then. A store of this package proves its saves itself.
   * @param zip as it lies on the disk
   * @param prefix of the paths to which the store writes its zip
   * @returns `false` when the signal has aborted before the store was asked, or while it has not answered yet
   * @throws `UNAVAILABLE` when it does not show that within the limit; the reason of the signal when it has aborted after a
   *   look that has missed the zip
   */
  async shown(zip: { path: string; sha256: string }, prefix: string, signal: AbortSignal): Promise<boolean> {
    const shared = this.#shared;
    if (!isProfileStore(this.#store)) {
      const { believed } = shared;
      shared.believed = 0;
      const isReadBack = !this.#hasReturned || shared.isLate || believed === 0;
      const missed: NotShown[] = [];
      try {
        await this.#untilShown(zip, isReadBack ? prefix : undefined, missed, signal);
      } catch (error) {
        if (signal.aborted && missed.length === 0) return false;
        throw error;
      }
      shared.isLate ||= missed.some((each) => "difference" in each);
      this.#hasReturned = true;
      shared.believed = isReadBack ? READ_BACK_EVERY - 1 : believed - 1;
    }
    shared.unsure = false;
    return true;
  }

  /** @param prefix `undefined`: the zip is not read back */
  async #untilShown(
    zip: { path: string; sha256: string },
    prefix: string | undefined,
    missed: NotShown[],
    signal: AbortSignal,
  ): Promise<void> {
    const read = (files: WrittenFiles, limited: AbortSignal): Promise<void> => this.#read(files, limited);
    const back = prefix === undefined ? undefined : new ZipReadBack({ zip, prefix, read });
    try {
      signal.throwIfAborted();
      const { missing } = await untilShown({
        exists: () => this.exists(signal),
        compare: back && (() => back.look(signal)),
        limitMs: this.#limits.shownMs,
        signal,
        onMissing: (each) => void missed.push(each),
      });
      if (missing !== undefined) throw notShown(this.#session, missing, this.#limits.graceMs);
    } finally {
      await back?.close();
    }
  }

  async delete(retainMs: number | undefined): Promise<void> {
    const doing = "delete the session";
    const session = this.#session;
    // whatsapp-web.js's `delete` has no such option; a store of this package takes it, also with `archive: "zip"`.
    const options = retainMs === undefined || !isProfileStore(this.#store) ? { session } : { session, retainMs };
    // An aborted save must not take effect after the delete, nor the delete after the next save.
    await this.#inTurn(doing, this.#limits.deleteMs, undefined, [], async (limited, end) => {
      const deleted = this.#call(doing, () => this.#store.delete(options)).finally(end);
      await withSignal(deleted, limited);
    });
  }

  async #inTurn<T>(
    doing: string,
    limitMs: number,
    signal: AbortSignal | undefined,
    fileMutexes: readonly Mutex[],
    work: (limited: AbortSignal, end: Release) => Promise<T>,
  ): Promise<T> {
    let isWaiting = true;
    const expired = (cause: unknown): VaultError =>
      isWaiting ? this.#busyError(doing, limitMs, cause) : this.#timeoutError(doing, limitMs, cause);
    return await withDeadline({ limitMs, signal, expired }, async (limited) => {
      const end = await lockAll([this.#shared.writes, ...fileMutexes], limited);
      isWaiting = false;
      return await work(limited, end);
    });
  }

  async #callWithin<T>(doing: string, limitMs: number, signal: AbortSignal, call: () => Promise<T> | T): Promise<T> {
    const expired = (cause: unknown): VaultError => this.#timeoutError(doing, limitMs, cause);
    return await withDeadline({ limitMs, signal, expired }, (limited) => withSignal(this.#call(doing, call), limited));
  }

  #timeoutError(doing: string, limitMs: number, cause: unknown): VaultError {
    const waited = `the store did not answer within ${limitMs / 1_000} s`;
    const hint = "Check that the store can be reached. The call may still take effect.";
    return new VaultError("UNAVAILABLE", `Could not ${doing} ${this.#session}: ${waited}.`, { cause, hint });
  }

  #busyError(doing: string, limitMs: number, cause: unknown): VaultError {
    const waited = `the store did not answer within ${limitMs / 1_000} s to an earlier call`;
    const hint =
      "An earlier save or delete, of this bot or of a bot with the same session name, has not ended and may still take " +
      "effect. Check the store; restart the process if the call never ends.";
    return new VaultError("UNAVAILABLE", `Could not ${doing} ${this.#session}: ${waited}.`, { cause, hint });
  }

  async #call<T>(doing: string, call: () => Promise<T> | T): Promise<T> {
    try {
      return await call();
    } catch (cause) {
      if (isVaultError(cause)) throw cause;
      throw new VaultError("UNAVAILABLE", `Could not ${doing} ${this.#session}: ${safeMessage(cause)}`, {
        cause: safeCause(cause),
        hint: "Check that the store can be reached and that its credentials are right.",
      });
    }
  }
}

function notShown(session: string, missing: NotShown, graceMs: number): VaultError {
  const why =
    "difference" in missing
      ? missing.difference
      : `its sessionExists fails: ${safeMessage(missing.error).replace(/\.$/, "")}`;
  const message = `Session ${session} may not be stored: the store called it saved, and ${why}.`;
  return new VaultError("UNAVAILABLE", message, {
    hint:
      "Its `save` must resolve when it has read and stored the zip, not before. The zip stays where the store looks for it " +
      `for ${graceMs / 1_000} s, the next save sends the session again, and the local profile is kept.`,
  });
}
