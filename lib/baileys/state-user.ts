import { waitAtMost, withDeadline, withSignal } from "../async/deadline.ts";
import { tellUntold } from "../diagnostics/observe.ts";
import { VaultError } from "../errors.ts";
import type { RecordChange } from "../vault/records/record-bytes.ts";
import { bindSocket, endSocket } from "./bind-socket.ts";
import { credentialsFault, decodeCreds, isRegistered, isSameDevice } from "./credentials.ts";
import { withoutMessages } from "./message-slots.ts";
import type { OpenSession, SessionUser } from "./open-sessions.ts";
import type { CheckedOptions } from "./options.ts";
import { CREDS_KEY, EARLIER_CREDS_KEY, PRE_KEY_MARK_KEY } from "./record-key.ts";
import { SentMessages } from "./sent-messages.ts";
import { type EncodedRecords, preKeyMark, SignalKeys } from "./signal-keys.ts";
import type { AuthenticationState, BaileysModule, BaileysSocket, MessageKey } from "./types.ts";
import { encodeValue } from "./value-codec.ts";

/** What belongs to one link of a device: the sockets of an earlier one have others, which store nothing any more. */
interface Link {
  /** The records of the session; nothing is set once it is another link's, lost or closed. */
  readonly records: EncodedRecords;
  readonly keys: SignalKeys;
  /** `undefined` when none are kept. */
  readonly messages: SentMessages | undefined;
}

/** One state of a session that is open in this process: what one call of `useVaultAuthState` has given to a bot. */
export class StateUser implements SessionUser {
  readonly state: AuthenticationState;
  /** Whether no credentials were stored. */
  readonly isNew: boolean;
  readonly #session: OpenSession;
  readonly #baileys: BaileysModule;
  readonly #options: CheckedOptions;
  /** The present one. */
  #link: Link;
  readonly #lost = new AbortController();
  readonly #sockets = new Set<BaileysSocket>();
  #closing: Promise<void> | undefined;
  #clearing: Promise<void> | undefined;

  /** @throws `CORRUPT` when the credentials that are stored are damaged */
  constructor(session: OpenSession, baileys: BaileysModule, options: CheckedOptions) {
    const { records } = session;
    const stored = records.get(CREDS_KEY);
    this.isNew = stored === undefined;
    this.#session = session;
    this.#baileys = baileys;
    this.#options = options;
    const creds = stored ? decodeCreds(stored, records.session) : baileys.initAuthCreds();
    // Keys that were uploaded stay at the server also when the process dies before it has saved the credentials.
    creds.nextPreKeyId = Math.max(creds.nextPreKeyId, preKeyMark(records.get(PRE_KEY_MARK_KEY)) + 1);
    // A new device has uploaded none of those before.
    if (this.isNew) creds.firstUnuploadedPreKeyId = creds.nextPreKeyId;
    this.#link = this.#newLink();
    this.state = { creds, keys: this.#link.keys };
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  onLost(reason: unknown): void {
    this.#takeAll();
    this.#lost.abort(reason);
  }

  onError(error: unknown): void {
    this.#options.onError(error);
  }

  saveCreds(): Promise<void> {
    const saving = this.#saveCreds();
    saving.catch((error) => {
      if (this.lost.aborted) return;
      const { session, store } = this.#options;
      tellUntold("records", { session, store: store.kind }, error);
      this.onError(error);
    });
    return saving;
  }

  bind(socket: BaileysSocket): void {
    // What it would link would be stored nowhere.
    if (this.#closing) {
      endSocket(socket, `The session ${this.#session.records.session} was closed.`);
      return;
    }
    this.#sockets.add(socket);
    const { messages } = this.#link;
    bindSocket(socket, {
      lost: this.lost,
      saveCreds: () => this.saveCreds(),
      onSent: messages ? (key, message) => messages.add(key, message) : undefined,
      onEnd: (isFinal) => {
        if (this.#sockets.delete(socket) && isFinal && this.#sockets.size === 0) void this.close();
      },
    });
  }

  getMessage(key: MessageKey): unknown {
    return this.lost.aborted || this.#closing ? undefined : this.#link.messages?.get(key);
  }

  /** Deletes what a state before this one has kept, where no messages are kept any more. To be called once it is the present one. */
  dropMessages(): void {
    const changes = this.#link.messages ? [] : withoutMessages(this.#link.records);
    // Why it has failed, the records tell themselves.
    if (changes.length > 0) this.#link.records.set(changes).catch(() => {});
  }

  async clear(): Promise<void> {
    this.#assertOpen();
    const sockets = [...this.#sockets];
    // Their ends do not end this state: the next device may be linked with it.
    this.#sockets.clear();
    for (const socket of sockets) endSocket(socket, `The session ${this.#session.records.session} was cleared.`);
    this.#link.keys.takeAll();
    // Sockets write into the object that they were given, also after they have ended.
    this.state.creds = this.#baileys.initAuthCreds();
    this.#link = this.#newLink();
    this.state.keys = this.#link.keys;
    const clearing = this.#session.records.clear();
    this.#clearing = clearing;
    try {
      await clearing;
    } finally {
      if (this.#clearing === clearing) this.#clearing = undefined;
    }
  }

  #newLink(): Link {
    const { records } = this.#session;
    const own: EncodedRecords = {
      get: (key) => records.get(key),
      keys: () => records.keys(),
      set: async (changes) => {
        if (link !== this.#link) throw new VaultError("CANCELLED", `The session ${records.session} was cleared.`);
        this.#assertOpen();
        await records.set(changes);
      },
    };
    const { messageLimits: limits, onError } = this.#options;
    const link: Link = {
      records: own,
      keys: new SignalKeys({ ...own, set: (changes) => this.#set(link, changes) }, this.#baileys),
      messages: limits && new SentMessages(own, this.#baileys, { limits, onError }),
    };
    return link;
  }

  async close(): Promise<void> {
    if (!this.#closing) this.#takeAll();
    this.#closing ??= this.#leave(this.#options.closeTimeoutMs);
    await this.#closing;
  }

  /** Takes what was set and sent until now: to be called before nothing more is taken. */
  #takeAll(): void {
    this.#link.keys.takeAll();
    this.#link.messages?.flush();
  }

  async #leave(timeoutMs: number): Promise<void> {
    const since = performance.now();
    if (this.#clearing) await waitAtMost(timeoutMs, this.#clearing);
    await this.#session.leave(this, Math.max(0, timeoutMs - (performance.now() - since)));
  }

  /** @throws `LEASE_LOST`, or `CANCELLED` after `close` */
  #assertOpen(): void {
    this.lost.throwIfAborted();
    if (!this.#closing) return;
    throw new VaultError("CANCELLED", `The session ${this.#session.records.session} was closed.`, {
      hint: "Open it again with `useVaultAuthState`.",
    });
  }

  /** Sets keys, and what travels with them. */
  async #set({ records, messages }: Link, changes: Iterable<RecordChange>): Promise<void> {
    const setting = records.set(changes);
    messages?.ride();
    const { setTimeoutMs: limitMs } = this.#options;
    if (limitMs === undefined) return await setting;
    const expired = (): VaultError => {
      const message = `Could not store records of ${this.#session.records.session}: the store did not confirm them within ${limitMs} ms.`;
      return new VaultError("UNAVAILABLE", message, {
        hint: "They are stored when the store is back; see `setTimeoutMs`.",
      });
    };
    await withDeadline({ limitMs, expired }, (signal) => withSignal(setting, signal));
  }

  async #saveCreds(): Promise<void> {
    if (this.#closing) return;
    this.#assertOpen();
    const { records } = this.#session;
    const { creds } = this.state;
    const fault = credentialsFault(creds);
    if (fault) throw new VaultError("INVALID", `Could not store the credentials of ${records.session}: ${fault}.`);
    const bytes = encodeValue(creds, `the credentials of ${records.session}`);
    // After a logout that is under way, they are the first ones of another device.
    if (this.#clearing) await this.#clearing;
    const stored = records.get(CREDS_KEY);
    const before = stored && decodeCreds(stored, records.session);
    const changes: RecordChange[] = [[CREDS_KEY, bytes]];
    if (before && isRegistered(before)) {
      if (!isRegistered(creds)) {
        const why = "they are not linked to a phone, and those that are stored are";
        throw new VaultError("INVALID", `Could not store the credentials of ${records.session}: ${why}.`, {
          hint: "Call `clear()` first to log out and link anew.",
        });
      }
      if (!isSameDevice(before, creds)) changes.push([EARLIER_CREDS_KEY, stored]);
    }
    await this.#set(this.#link, changes);
  }
}
