import { type GivenRecord, highestPreKeyId, WatchedSet } from "../baileys/given-records.ts";
import type { BaileysModule, RecordSet, SignalKeyStore } from "../baileys/types.ts";
import type { Changes } from "./changes.ts";
import { PRE_KEY_MARK_NAME, recordName } from "./names.ts";

/**
 * The keys of the Signal protocol, as Baileys' sockets use them. The names of records are hashes, so that they cannot be
 * listed: it has no `list`.
 */
export type WapiKeyStore = Pick<SignalKeyStore, "get" | "set" | "clear">;

/** A record that is to be read. */
export interface RecordToRead {
  readonly name: string;
  /** For errors. */
  readonly what: string;
}

/** The records of a session, as values. */
export interface ValueRecords {
  /** For errors. */
  readonly uuid: string;
  /** Shared by all states of the session. */
  readonly live: { preKeyMark: number };
  /** The values of these records, in their order; `undefined` for one that there is not. */
  read(records: readonly RecordToRead[]): Promise<unknown[]>;
  /** The record that has this value. @throws `INVALID` when it cannot be stored */
  seal(name: string, value: unknown, what: string): Buffer;
  /** @throws `CANCELLED` when the session was removed */
  change(changes: Changes): Promise<void>;
}

export class WapiKeys implements WapiKeyStore {
  readonly #records: ValueRecords;
  readonly #baileys: BaileysModule;

  constructor(records: ValueRecords, baileys: BaileysModule) {
    this.#records = records;
    this.#baileys = baileys;
  }

  async get(type: string, ids: string[]): Promise<{ [id: string]: unknown }> {
    const { uuid } = this.#records;
    const values = await this.#records.read(
      ids.map((id) => ({ name: recordName(type, id), what: `${type} ${id} of ${uuid}` })),
    );
    const found = ids.map((id, index) => [id, values[index]] as const).filter(([, value]) => isThere(value));
    return Object.fromEntries(found.map(([id, value]) => [id, this.#revived(type, value)]));
  }

  async set(data: RecordSet): Promise<void> {
    await new WatchedSet(data, (given) => this.#store(given)).run();
  }

  async clear(): Promise<void> {
    await this.#records.change({ deleteAll: "keys", records: new Map(this.#mark()) });
  }

  async #store(given: readonly GivenRecord[]): Promise<void> {
    if (given.length === 0) return;
    const records = given.map(({ type, id, what, value }): [string, Buffer | undefined] => {
      const name = recordName(type, id);
      return [name, isThere(value) ? this.#records.seal(name, value, `${what} of ${this.#records.uuid}`) : undefined];
    });
    await this.#records.change({ records: new Map([...records, ...this.#raiseMark(given)]) });
  }

  /** The record of the mark of pre-keys, where these records raise it. */
  #raiseMark(given: readonly GivenRecord[]): [string, Buffer][] {
    const { live } = this.#records;
    const highest = highestPreKeyId(given);
    if (highest <= live.preKeyMark) return [];
    live.preKeyMark = highest;
    return this.#mark();
  }

  #mark(): [string, Buffer][] {
    const { preKeyMark } = this.#records.live;
    return preKeyMark === 0
      ? []
      : [[PRE_KEY_MARK_NAME, this.#records.seal(PRE_KEY_MARK_NAME, preKeyMark, "the mark of pre-keys")]];
  }

  /** Sockets take nothing else: with a plain object they resync the app state for ever. */
  #revived(type: string, value: unknown): unknown {
    return type === "app-state-sync-key" ? this.#baileys.proto.Message.AppStateSyncKeyData.fromObject(value) : value;
  }
}

function isThere(value: unknown): boolean {
  return value !== null && value !== undefined;
}
