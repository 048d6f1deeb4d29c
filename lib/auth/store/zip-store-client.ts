import { withDeadline, withSignal } from "../../async/deadline.ts";
import { lookAgain } from "../../async/look-again.ts";
import { lockAll, Mutex, mutexesOf, type Release } from "../../async/mutex.ts";
import { isVaultError, noAnswer, safeCause, safeMessage, VaultError } from "../../errors.ts";
import { isProfileStore, type SessionStore } from "../../store.ts";
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
};

/** The state of one session of one store that all runs of this process share. */
class SharedState {
  /** Held by a save or a delete until the store's own promise has settled, even after the call was aborted. */
  readonly writes: Mutex = new Mutex();
  /** Whether the stored zip may differ from the last zip that the store has confirmed. */
  unsure = false;
  /**
   * Whether the store has returned a zip that it was given, at the first look after a save. The others are asked to return
   * each one.
   */
  isPrompt = false;
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

  async extract(path: string, signal: AbortSignal): Promise<void> {
    await this.#read(path, signal);
    this.#shared.unsure = false;
  }

  async #read(path: string, signal: AbortSignal): Promise<void> {
    const read = (): Promise<unknown> => this.#store.extract({ session: this.#session, path });
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

  /** Whether the store reads a zip before it calls it saved, as far as is known. */
  get isPrompt(): boolean {
    return this.#shared.isPrompt || isProfileStore(this.#store);
  }

  /**
   * To be called when `save` has resolved: waits until the store shows that it has taken the zip. It is not
   * {@link unsure} any more then. A store of this package proves its saves itself.
   * @param zip as it lies on the disk
   * @param prefix of the paths to which the store writes its zip
   * @throws `UNAVAILABLE` when it does not show that within the limit
   */
  async shown(zip: { path: string; sha256: string }, prefix: string, signal: AbortSignal): Promise<void> {
    if (!isProfileStore(this.#store)) await this.#untilShown(zip, prefix, signal);
    this.#shared.unsure = false;
  }

  async #untilShown(zip: { path: string; sha256: string }, prefix: string, signal: AbortSignal): Promise<void> {
    const back = new ZipReadBack({ zip, prefix, read: (path, limited) => this.#read(path, limited) });
    const look = async (): Promise<string | undefined> => {
      const missing = await this.#missing(signal);
      return missing === undefined && !this.#shared.isPrompt ? await back.look(signal) : missing;
    };
    try {
      signal.throwIfAborted();
      const { looks, missing } = await lookAgain(look, { limitMs: this.#limits.shownMs, signal });
      this.#shared.isPrompt = looks === 1 && missing === undefined;
      if (missing !== undefined) throw notShown(this.#session, zip.path, missing);
    } finally {
      await back.close();
    }
  }

  /** Why the store may not have the session, as a clause. */
  async #missing(signal: AbortSignal): Promise<string | undefined> {
    try {
      return (await this.exists(signal)) ? undefined : "its sessionExists answers false";
    } catch (error) {
      signal.throwIfAborted();
      return `its sessionExists fails: ${safeMessage(error).replace(/\.$/, "")}`;
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

function notShown(session: string, path: string, missing: string): VaultError {
  const message = `Session ${session} may not be stored: the store called it saved, and ${missing}.`;
  return new VaultError("UNAVAILABLE", message, {
    hint:
      `Its \`save\` must resolve when it has read and stored the zip, not before. The zip stays at ${path} until the next ` +
      "save, which sends it again; the local profile is kept.",
  });
}
