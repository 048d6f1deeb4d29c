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
 * Stores `data`, and then what has changed in it meanwhile: Baileys 6 writes into the object that it has passed, while that
 * is stored, and then forgets what it wrote.
 * @param store called at once with all records, and again with those that have changed
 */
export async function storeWatched(
  data: RecordSet,
  store: (records: readonly GivenRecord[]) => Promise<void>,
): Promise<void> {
  const taken = new Map<string, unknown>();
  for (;;) {
    const changed = givenRecords(data).filter(({ key, value }) => !taken.has(key) || !Object.is(taken.get(key), value));
    if (changed.length === 0 && taken.size > 0) return;
    for (const { key, value } of changed) taken.set(key, value);
    await store(changed);
    if (changed.length === 0) return;
  }
}
