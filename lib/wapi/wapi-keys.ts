import { storeWatched } from "../baileys/given-records.ts";
import type { BaileysModule, RecordSet, SignalKeyStore } from "../baileys/types.ts";
import { VaultError } from "../errors.ts";
import type { Changes } from "./changes.ts";
import { recordName } from "./names.ts";

/**
 * The keys of the Signal protocol, as Baileys' sockets use them. The names of records are hashes, so that they cannot be
 * listed: it has no `list`.
 */
export type WapiKeyStore = Pick<SignalKeyStore, "get" | "set" | "clear">;

/** The records of a session, as values. */
export interface ValueRecords {
  /** For errors. */
  readonly uuid: string;
  /** The value of this name; `undefined` when there is none. @param what named in errors */
  read(name: string, what: string): Promise<unknown>;
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
    const read = async (id: string): Promise<[string, unknown]> => [
      id,
      await this.#records.read(recordName(type, id), `${type} ${id} of ${this.#records.uuid}`),
    ];
    const found = (await Promise.all(ids.map(read))).filter(([, value]) => value !== undefined && value !== null);
    return Object.fromEntries(found.map(([id, value]) => [id, this.#revived(type, value)]));
  }

  async set(data: RecordSet): Promise<void> {
    await storeWatched(data, async (given) => {
      if (given.length === 0) return;
      const records = given.map(({ type, id, what, value }): [string, Buffer | undefined] => {
        const name = recordName(type, id);
        const isDeleted = value === null || value === undefined;
        return [name, isDeleted ? undefined : this.#records.seal(name, value, `${what} of ${this.#records.uuid}`)];
      });
      await this.#records.change({ records: new Map(records) });
    });
  }

  async clear(): Promise<void> {
    await this.#records.change({ deleteAll: "keys", records: new Map() });
  }

  /** Sockets take nothing else: with a plain object they resync the app state for ever. */
  #revived(type: string, value: unknown): unknown {
    return type === "app-state-sync-key" ? this.#baileys.proto.Message.AppStateSyncKeyData.fromObject(value) : value;
  }
}

/** The error of a change of keys whose session was removed. */
export function wasRemoved(uuid: string): VaultError {
  return new VaultError("CANCELLED", `Could not store records of ${uuid}: the session was removed.`, {
    hint: "Call `init()` for a new one.",
  });
}
