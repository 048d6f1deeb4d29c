import { waitAtMost } from "../async/deadline.ts";
import { Mutex } from "../async/mutex.ts";
import { VaultError } from "../errors.ts";
import type { RecordChange } from "../vault/records/record-bytes.ts";
import type { SessionRecords } from "../vault/records/session-records.ts";
import type { Vault } from "../vault/vault.ts";
import { isMessageKey } from "./record-key.ts";

/** How a session is opened. */
export interface OpenOptions {
  readonly vault: Vault;
  /** As {@link sessionNameOf} makes it. */
  readonly session: string;
  /** How long to wait for another process that has the session, in milliseconds. */
  readonly waitMs: number;
  /** Told of failures while the session is opened that end by themselves. */
  readonly onError: (error: unknown) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Who has a session open in this process: what one call of `useVaultAuthState` has returned. */
export interface SessionUser {
  /** The session is another user's now: of another process, or of this one. Nothing more is taken from this one. */
  onLost(reason: unknown): void;
  /** Something has failed in the background, and is tried again. */
  onError(error: unknown): void;
}

/** What was set and never stored, by the place of the holder in its log. */
type Leftover = SessionRecords["place"] & { readonly changes: readonly RecordChange[] };

/** The least time that is taken to tell the store that the session is free, in milliseconds. */
const RELEASE_MS = 1_000;

/** By name, the sessions that are open in this process: on several backends, there can be several of one name. */
const sessions = new Map<string, Set<OpenSession>>();
/** By name; opening takes turns, so that two calls never wait for one another's lease. */
const turns = new Map<string, Mutex>();
/** By log. Sockets have told their peers of these records: who opens the session next in this process goes on from them. */
const leftovers = new Map<string, Leftover>();

/**
 * A session that this process has open. It is taken once, however often it is opened: a socket that WhatsApp tells to
 * restart is made anew while the old one still writes. All users read one state; the newest one writes.
 */
export class OpenSession {
  readonly records: SessionRecords;
  readonly #vault: Vault;
  #user: SessionUser | undefined;
  #ended: Promise<void> | undefined;

  private constructor(vault: Vault, records: SessionRecords) {
    this.#vault = vault;
    this.records = records;
  }

  /**
   * Opens the session, or joins who has it open in this process: what was set until now is in what the new user reads.
   * @param makeUser called once with the open session
   * @throws as `Vault.openRecords`, and what `makeUser` throws: then nothing has changed
   */
  static async open<T extends SessionUser>(
    { vault, session, waitMs, onError, signal }: OpenOptions,
    makeUser: (session: OpenSession) => T,
  ): Promise<T> {
    const turn = turns.get(session) ?? new Mutex();
    turns.set(session, turn);
    return await turn.run(async () => {
      for (const one of sessions.get(session) ?? []) {
        const isSame = await one.#isOn(vault, signal);
        if (isSame && one.#ended) await one.#ended;
        // In the same moment: its user may leave in the next one.
        if (isSame && one.#isOpen) return one.#join(makeUser(one));
      }
      let opened: OpenSession | undefined;
      const tell = (error: unknown): void => (opened ? opened.#tell(error) : onError(error));
      const records = await vault.openRecords({ session, waitMs, onError: tell, ...(signal ? { signal } : {}) });
      opened = new OpenSession(vault, records);
      try {
        opened.#goOn();
        return opened.#begin(makeUser(opened));
      } catch (error) {
        await records.close();
        throw error;
      }
    }, signal);
  }

  /** Whether somebody in this process has it open: until it is joined by the user that is made for it now. */
  get hasUser(): boolean {
    return this.#user !== undefined;
  }

  /**
   * Gives the session back, unless another user has it by then: waits for what is on its way, for `timeoutMs` milliseconds
   * at most, or for a second where that is less. Never rejects.
   * @param options.forgets whether what could not be stored is dropped. @default false: who opens it next goes on from it
   */
  async leave(user: SessionUser, timeoutMs: number, { forgets = false }: { forgets?: boolean } = {}): Promise<void> {
    const since = performance.now();
    if (this.#user === user) await waitAtMost(timeoutMs, this.records.flush());
    if (this.#user === user) {
      this.#user = undefined;
      this.#ended = this.#end(forgets);
    }
    const left = timeoutMs - (performance.now() - since);
    if (this.#ended) await waitAtMost(Math.max(RELEASE_MS, left), this.#ended);
  }

  /** Sets what the holder before this one, in this process, could not store. */
  #goOn(): void {
    const { log, last } = this.records.place;
    const left = leftovers.get(log);
    leftovers.delete(log);
    // Whoever has stored records in between has gone on without them.
    if (!left || (left.last !== last && !left.sent.includes(last ?? ""))) return;
    const messages = left.changes.filter(([key]) => isMessageKey(key));
    // By themselves: a store that refuses messages takes the keys all the same.
    const keys = left.changes.filter(([key]) => !isMessageKey(key));
    for (const changes of [keys, messages]) if (changes.length > 0) this.records.set(changes).catch(() => {});
  }

  #begin<T extends SessionUser>(user: T): T {
    const { lost, session } = this.records;
    this.#user = user;
    sessions.set(session, (sessions.get(session) ?? new Set()).add(this));
    if (lost.aborted) this.#lose(lost.reason);
    else lost.addEventListener("abort", () => this.#lose(lost.reason), { once: true });
    return user;
  }

  /** Whether it is a session of this vault's backend. */
  async #isOn(vault: Vault, signal: AbortSignal | undefined): Promise<boolean> {
    return vault === this.#vault || (await vault.hasOpen(this.records, signal ? { signal } : {}));
  }

  /** Whether it can be joined: its user has not left. */
  get #isOpen(): boolean {
    return this.#user !== undefined && !this.records.lost.aborted;
  }

  #join<T extends SessionUser>(user: T): T {
    const before = this.#user;
    this.#user = user;
    const hint = "The newer state has all that was set before. End the older socket.";
    const message = `The session ${this.records.session} was opened again in this process.`;
    before?.onLost(new VaultError("LEASE_LOST", message, { hint }));
    return user;
  }

  #tell(error: unknown): void {
    this.#user?.onError(error);
  }

  #lose(reason: unknown): void {
    this.#forget();
    this.#user?.onLost(reason);
  }

  async #end(forgets: boolean): Promise<void> {
    const { records } = this;
    await records.close(0);
    this.#forget();
    const changes = records.unstored;
    if (changes.length > 0 && !records.lost.aborted && !forgets)
      leftovers.set(records.place.log, { ...records.place, changes });
  }

  #forget(): void {
    const open = sessions.get(this.records.session);
    open?.delete(this);
    if (open?.size === 0) sessions.delete(this.records.session);
  }
}
