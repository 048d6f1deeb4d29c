import { invalidOption } from "../errors.ts";
import { recordKey } from "./record-key.ts";
import type { RecordSet } from "./types.ts";

/** A record as Baileys sets it. */
export interface GivenRecord {
  readonly type: string;
  readonly id: string;
  readonly key: string;
  /** For errors. */
  readonly what: string;
  /** `null` and `undefined` delete. */
  readonly value: unknown;
}

/** The records of `data`. @throws `INVALID` when it has none by type and id, or a type or an id is none */
export function givenRecords(data: RecordSet): GivenRecord[] {
  if (typeof data !== "object" || data === null) throw invalidOption("data", "records by type and id", data);
  return Object.entries(data).flatMap(([type, records]) =>
    Object.entries(records ?? {}).map(([id, value]) => ({
      type,
      id,
      key: recordKey(type, id),
      what: `${type} ${id}`,
      value,
    })),
  );
}

/**
 * A set that is under way. Baileys 6 writes into the object that it has passed, while that is stored, and then forgets what
 * it wrote.
 */
export class WatchedSet {
  readonly #data: RecordSet;
  readonly #store: (records: readonly GivenRecord[]) => Promise<void>;
  readonly #taken = new Map<string, unknown>();
  #storing: Promise<void>[] = [];

  /** @param store called at once with all records, and again with those that have changed */
  constructor(data: RecordSet, store: (records: readonly GivenRecord[]) => Promise<void>) {
    this.#data = data;
    this.#store = store;
  }

  /** Takes what has changed since. @returns whether anything has */
  take(): boolean {
    const changed = givenRecords(this.#data).filter(
      ({ key, value }) => !this.#taken.has(key) || !Object.is(this.#taken.get(key), value),
    );
    for (const { key, value } of changed) this.#taken.set(key, value);
    if (changed.length === 0) return false;
    const storing = this.#store(changed);
    storing.catch(() => {});
    this.#storing.push(storing);
    return true;
  }

  /** Resolves when all of it is stored. */
  async run(): Promise<void> {
    if (!this.take()) return await this.#store([]);
    do {
      await Promise.all(this.#storing.splice(0));
    } while (this.take() || this.#storing.length > 0);
  }
}

/** The highest id of the pre-keys among records that are set; 0 when there is none. */
export function highestPreKeyId(records: readonly GivenRecord[]): number {
  const ids = records.filter(({ type, value }) => type === "pre-key" && value).map(({ id }) => Number(id));
  return ids.filter(Number.isSafeInteger).reduce((most, id) => Math.max(most, id), 0);
}
