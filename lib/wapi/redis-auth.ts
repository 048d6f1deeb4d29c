import type { UUID } from "node:crypto";
import type { RedisClient } from "../../adapters/redis/wire.ts";
import { credentialsFault, isRegistered } from "../baileys/credentials.ts";
import { loadBaileys } from "../baileys/load-baileys.ts";
import { warnOfErrors } from "../baileys/options.ts";
import type { AuthenticationCreds, BaileysModule } from "../baileys/types.ts";
import { VaultError } from "../errors.ts";
import type { Changes } from "./changes.ts";
import { insist, wait } from "./insist.ts";
import { type LiveSession, liveSession } from "./live-session.ts";
import { assertUuid, CREDS_NAME, PRE_KEY_MARK_NAME, recordName } from "./names.ts";
import { type CheckedOptions, checkOptions, type RedisAuthOptions } from "./options.ts";
import { RecordCipher } from "./record-cipher.ts";
import { decodeText, encodeText } from "./value-text.ts";
import { type RecordToRead, type WapiKeyStore, WapiKeys } from "./wapi-keys.ts";

/** What `makeWASocket({ auth })` takes. */
export interface WapiAuthState {
  /** The credentials. */
  creds: AuthenticationCreds;
  /** The keys of the Signal protocol. */
  keys: WapiKeyStore;
}

/** How many ids of pre-keys are looked up at once, after the last one that the credentials know of. */
const IDS_AT_ONCE = 100;

/**
 * The authentication state of a Baileys bot in Redis, in the place and the bytes of wapi's class of this name: each reads
 * what the other has written.
 *
 * One `set` is stored as a whole or not at all, except that in a Cluster without a hash tag a set that was interrupted is
 * ended by the next `init` (docs/wapi.md). Nothing is cached: reads ask Redis, and see what is on its way. Nothing keeps two
 * processes from using one session; `useVaultAuthState` does.
 */
export class RedisAuth {
  /** Names the session. */
  readonly uuid: UUID;
  readonly #options: CheckedOptions;
  readonly #live: LiveSession;
  /** Tells a person, once a minute at most, that credentials were not stored. */
  readonly #tell: (error: unknown) => void;
  #making: Promise<RecordCipher> | undefined;
  #state: { creds: AuthenticationCreds; cipher: RecordCipher; removals: number } | undefined;

  /**
   * @param uuid names the session; its case matters
   * @param redis a client of yours, connected or connecting; it is never closed. Of `ioredis`: a `Redis` (standalone or
   *   through Sentinel) or a `Cluster`. Of `redis` (5 or newer): a client, a pool, a Sentinel or a cluster
   * @param prefix keys are `<prefix>:<uuid>:<hash>`. With a hash tag in it, as in `{bots}`, a Cluster keeps them together
   * @throws `INVALID` when one of them, or an option, is wrong
   */
  constructor(uuid: string, redis: RedisClient, prefix: string, options: RedisAuthOptions = {}) {
    assertUuid(uuid);
    this.uuid = uuid;
    this.#options = checkOptions(redis, prefix, options);
    this.#tell = warnOfErrors(this.#options.onWarning);
    this.#live = liveSession(redis, { ...this.#options, uuid });
  }

  /**
   * The state as it is stored, or that of a new device, of which nothing is stored before {@link save}.
   * @throws `UNAVAILABLE` when Redis does not answer within `timeoutMs`; `CORRUPT` when the credentials do not decrypt or are
   *   none; `WRONG_KEY` when they need a key that was not given; `INVALID` when there are none and the server may have evicted
   *   them, or when Baileys is not installed. Nothing but a proven absence gives new credentials.
   */
  async init(): Promise<WapiAuthState> {
    const baileys = await loadBaileys(this.#options.baileys);
    const cipher = await this.#cipher();
    const { removals, records } = this.#live;
    records.beforeOpen(this.#options);
    const creds = await this.#load(cipher, baileys);
    this.#state = { creds, cipher, removals };
    return { creds, keys: this.#keys(cipher, removals, baileys) };
  }

  /**
   * Stores the credentials of the latest {@link init} as they are at the call; to be called at each `creds.update`. Not
   * awaited, it makes no unhandled rejection, and its failure is told to `onWarning`, once a minute at most.
   * @throws `INVALID` before `init` and after {@link remove}, and when they are no credentials, or would replace those of a
   *   linked device by others that are not linked; `UNAVAILABLE` when Redis does not confirm them within `timeoutMs`: they are
   *   stored when it answers again; `LEASE_LOST` when another process has saved its own by then
   */
  save(): Promise<void> {
    const saving = this.#save();
    saving.catch(this.#tell);
    return saving;
  }

  /**
   * Deletes all of the session: the logout. States of it from before store nothing any more.
   * @throws `UNAVAILABLE` when Redis does not confirm it within `timeoutMs`: it is done when Redis answers again
   */
  async remove(): Promise<void> {
    this.#state = undefined;
    this.#live.removals++;
    this.#live.preKeyMark = 0;
    await this.#change({ deleteAll: "everything", records: new Map() });
  }

  async #load(cipher: RecordCipher, baileys: BaileysModule): Promise<AuthenticationCreds> {
    const { line, saving, records } = this.#live;
    const { ttlSeconds } = this.#options;
    // What was saved before is seen.
    await saving.idle();
    const fresh = baileys.initAuthCreds();
    return await this.#insist(`read the session ${this.uuid}`, async (signal) => {
      await line.open();
      const [stored, mark] = await Promise.all([this.#storedCreds(cipher), this.#preKeyMark(cipher)]);
      this.#live.preKeyMark = Math.max(this.#live.preKeyMark, mark);
      const creds = stored ? await this.#completed(stored, fresh) : fresh;
      // Last: a call that fails changes nothing of a session that others use.
      await line.pause(async () => {
        signal.throwIfAborted();
        await records.expireAfter(ttlSeconds);
      });
      return creds;
    });
  }

  async #completed(stored: AuthenticationCreds, fresh: AuthenticationCreds): Promise<AuthenticationCreds> {
    const next = Math.max(stored.nextPreKeyId, this.#live.preKeyMark + 1);
    // JSON leaves out what is `undefined`.
    const absent = Object.fromEntries(Object.entries(fresh).filter(([, member]) => member === undefined));
    return { ...absent, ...stored, nextPreKeyId: await this.#firstFreePreKeyId(next) };
  }

  async #save(): Promise<void> {
    const { line, saving } = this.#live;
    const { creds, cipher } = this.#assertLoaded();
    const what = this.#credsName;
    const fault = credentialsFault(creds);
    if (fault) throw new VaultError("INVALID", `Could not store ${what}: ${fault}.`);
    const record = cipher.seal(CREDS_NAME, encodeText(creds, what));
    const isLinked = isRegistered(creds);
    const { stored } = await saving.run(async () => {
      if (!isLinked) await this.#assertNoneLinked(cipher);
      this.#assertLoaded();
      return { stored: line.set({ records: new Map([[CREDS_NAME, record]]) }) };
    });
    await this.#wait(stored);
  }

  #assertLoaded(): { creds: AuthenticationCreds; cipher: RecordCipher } {
    if (this.#state?.removals === this.#live.removals) return this.#state;
    throw new VaultError("INVALID", "Credentials not loaded.", { hint: "Call `init()` first." });
  }

  async #assertNoneLinked(cipher: RecordCipher): Promise<void> {
    const stored = await this.#insist(`read ${this.#credsName}`, () => this.#storedCreds(cipher));
    if (!isRegistered(stored)) return;
    const why = "they are not linked to a phone, and those that are stored are";
    throw new VaultError("INVALID", `Could not store ${this.#credsName}: ${why}.`, {
      hint: "Call `remove()` first to log out and link anew.",
    });
  }

  async #storedCreds(cipher: RecordCipher): Promise<AuthenticationCreds | undefined> {
    const what = this.#credsName;
    const creds = await this.#read(cipher, { name: CREDS_NAME, what });
    if (creds === undefined) return undefined;
    const fault = credentialsFault(creds);
    if (fault) throw new VaultError("CORRUPT", `Could not read ${what}: ${fault}.`);
    return creds as AuthenticationCreds;
  }

  async #preKeyMark(cipher: RecordCipher): Promise<number> {
    const what = `the mark of pre-keys of ${this.uuid}`;
    const mark = await this.#read(cipher, { name: PRE_KEY_MARK_NAME, what });
    return typeof mark === "number" ? mark : 0;
  }

  /**
   * Pre-keys that were uploaded stay at the server, also when the process has died before it has saved the credentials. What
   * wapi has stored has no mark.
   */
  async #firstFreePreKeyId(from: number): Promise<number> {
    const isStored = async (_: unknown, index: number): Promise<boolean> =>
      (await this.#live.line.get(recordName("pre-key", String(from + index)))) !== undefined;
    const stored = await Promise.all(Array.from({ length: IDS_AT_ONCE }, isStored));
    const last = stored.lastIndexOf(true);
    return last === -1 ? from : await this.#firstFreePreKeyId(from + last + 1);
  }

  #keys(cipher: RecordCipher, removals: number, baileys: BaileysModule): WapiKeys {
    const assertThere = (): void => {
      if (removals === this.#live.removals) return;
      throw new VaultError("CANCELLED", `Could not store records of ${this.uuid}: the session was removed.`, {
        hint: "Call `init()` for a new one.",
      });
    };
    const records = {
      uuid: this.uuid,
      live: this.#live,
      read: (wanted: readonly RecordToRead[]) =>
        this.#insist(`read records of ${this.uuid}`, () => Promise.all(wanted.map((one) => this.#read(cipher, one)))),
      seal: (name: string, value: unknown, what: string) => cipher.seal(name, encodeText(value, what)),
      change: async (changes: Changes) => {
        assertThere();
        await this.#change(changes);
      },
    };
    return new WapiKeys(records, baileys);
  }

  async #read(cipher: RecordCipher, { name, what }: RecordToRead): Promise<unknown> {
    const record = await this.#live.line.get(name);
    return record && decodeText(cipher.open(name, record, what), what);
  }

  async #change(changes: Changes): Promise<void> {
    await this.#wait(this.#live.line.set(changes));
  }

  async #wait(stored: Promise<void>): Promise<void> {
    const { line } = this.#live;
    const doing = `store records of ${this.uuid}`;
    await wait({ limitMs: this.#options.timeoutMs, doing, why: () => line.failure }, stored);
  }

  #insist<T>(doing: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return insist({ limitMs: this.#options.timeoutMs, doing }, work);
  }

  /** Made once: of a passphrase, it takes a while. */
  async #cipher(): Promise<RecordCipher> {
    this.#making ??= RecordCipher.of(this.uuid, this.#options.secret);
    return await this.#making;
  }

  get #credsName(): string {
    return `the credentials of ${this.uuid}`;
  }
}
