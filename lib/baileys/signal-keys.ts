import { AsyncLocalStorage } from "node:async_hooks";
import { Mutex } from "../async/mutex.ts";
import type { RecordChange } from "../vault/records/record-bytes.ts";
import { type GivenRecord, givenRecords, highestPreKeyId, WatchedSet } from "./given-records.ts";
import { PRE_KEY_MARK_KEY, parseRecordKey, recordKey } from "./record-key.ts";
import type { BaileysModule, RecordSet, SignalKeyStore } from "./types.ts";
import { decodeValue, encodeValue } from "./value-codec.ts";

/** The records of a session, encoded. */
export interface EncodedRecords {
  get(key: string): Buffer | undefined;
  keys(): string[];
  /** Reads see the changes at once; resolves when they are stored. */
  set(changes: Iterable<RecordChange>): Promise<void>;
}

/** The changes of a transaction, by key. */
type Transaction = Map<string, Buffer | undefined>;

/** The keys of the Signal protocol in the records of a session. */
export class SignalKeys implements SignalKeyStore {
  readonly #records: EncodedRecords;
  readonly #baileys: BaileysModule;
  readonly #transactions = new AsyncLocalStorage<Transaction>();
  readonly #mutex = new Mutex();
  readonly #underWay = new Set<WatchedSet>();

  constructor(records: EncodedRecords, baileys: BaileysModule) {
    this.#records = records;
    this.#baileys = baileys;
  }

  async get(type: string, ids: string[]): Promise<{ [id: string]: unknown }> {
    const values: { [id: string]: unknown } = {};
    for (const id of ids) {
      const bytes = this.#read(recordKey(type, id));
      if (bytes) values[id] = this.#decode(type, id, bytes);
    }
    return values;
  }

  async set(data: RecordSet): Promise<void> {
    const transaction = this.#transactions.getStore();
    if (transaction) {
      for (const [key, value] of this.#changes(givenRecords(data))) transaction.set(key, value);
      return;
    }
    const set = new WatchedSet(data, async (records) => await this.#records.set(this.#changes(records)));
    this.#underWay.add(set);
    try {
      await set.run();
    } finally {
      this.#underWay.delete(set);
    }
  }

  /** Takes what was written into the arguments of sets that are under way: to be called before nothing more is taken. */
  takeAll(): void {
    for (const set of this.#underWay) {
      try {
        set.take();
      } catch {
        // It is no record any more: the set itself says so.
      }
    }
  }

  async clear(): Promise<void> {
    const changes = this.#keys().map((key): RecordChange => [key, undefined]);
    const transaction = this.#transactions.getStore();
    if (!transaction) await this.#records.set(changes);
    else for (const [key, value] of changes) transaction.set(key, value);
  }

  list(type: string): AsyncIterable<readonly [id: string, value: unknown]> {
    const found = this.#ids(type).map((id) => ({ id, bytes: this.#read(recordKey(type, id)) }));
    return iterate(found, ({ id, bytes = Buffer.alloc(0) }) => [id, this.#decode(type, id, bytes)] as const);
  }

  listIds(type: string): AsyncIterable<string> {
    return iterate(this.#ids(type), (id) => id);
  }

  async transaction<T>(work: (keys: SignalKeyStore) => Promise<T>): Promise<T> {
    if (this.#transactions.getStore()) return await work(this);
    return await this.#mutex.run(async () => {
      const changes: Transaction = new Map();
      const result = await this.#transactions.run(changes, () => work(this));
      await this.#records.set(changes);
      return result;
    });
  }

  isInTransaction(): boolean {
    return this.#transactions.getStore() !== undefined;
  }

  #read(key: string): Buffer | undefined {
    const transaction = this.#transactions.getStore();
    return transaction?.has(key) ? transaction.get(key) : this.#records.get(key);
  }

  /** The keys of all Signal records. */
  #keys(): string[] {
    const changed = this.#transactions.getStore()?.keys() ?? [];
    const keys = new Set([...this.#records.keys(), ...changed]);
    return [...keys].filter((key) => parseRecordKey(key) && this.#read(key));
  }

  #ids(type: string): string[] {
    return this.#keys().flatMap((key) => {
      const record = parseRecordKey(key);
      return record?.type === type ? [record.id] : [];
    });
  }

  #decode(type: string, id: string, bytes: Buffer): unknown {
    const value = decodeValue(bytes, `${type} ${id}`);
    // Its sockets take nothing else: with a plain object they resync the app state for ever.
    return type === "app-state-sync-key" ? this.#baileys.proto.Message.AppStateSyncKeyData.fromObject(value) : value;
  }

  #changes(records: readonly GivenRecord[]): RecordChange[] {
    const changes = records.map(({ key, what, value }): RecordChange => {
      const isDeleted = value === null || value === undefined;
      return [key, isDeleted ? undefined : encodeValue(value, what)];
    });
    const mark = this.#preKeyMark(records);
    return mark ? [...changes, mark] : changes;
  }

  /** The highest id that a pre-key was ever stored under, where these records raise it. */
  #preKeyMark(records: readonly GivenRecord[]): RecordChange | undefined {
    const highest = highestPreKeyId(records);
    return highest > preKeyMark(this.#read(PRE_KEY_MARK_KEY))
      ? [PRE_KEY_MARK_KEY, encodeValue(highest, "the mark of pre-keys")]
      : undefined;
  }
}

/** The number that a record holds under {@link PRE_KEY_MARK_KEY}; 0 without one. */
export function preKeyMark(bytes: Buffer | undefined): number {
  return bytes ? (decodeValue(bytes, "the mark of pre-keys") as number) : 0;
}

async function* iterate<T, R>(list: readonly T[], map: (one: T) => R): AsyncGenerator<R> {
  for (const one of list) yield map(one);
}
