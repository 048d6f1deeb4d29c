import { CREDS_NAME } from "./names.ts";

/** Records as they are stored, by name; `undefined` deletes. */
export type RecordMap = ReadonlyMap<string, Buffer | undefined>;

/** Changes of the records of a session that are made together: first everything is deleted, when asked for, then records are set. */
export interface Changes {
  /** `"keys"`: all but the credentials. */
  readonly deleteAll?: "everything" | "keys" | undefined;
  readonly records: RecordMap;
}

/** Both, one after the other, as one. */
export function merge(first: Changes, second: Changes): Changes {
  const { deleteAll } = second;
  if (deleteAll === "everything") return second;
  const kept = deleteAll ? [...first.records].filter(([name]) => name === CREDS_NAME) : first.records;
  return { deleteAll: first.deleteAll ?? deleteAll, records: new Map([...kept, ...second.records]) };
}

/** What the changes make of a record: `bytes` is `undefined` when it is deleted. `undefined` when they leave it as it is. */
export function changeOf({ deleteAll, records }: Changes, name: string): { bytes: Buffer | undefined } | undefined {
  if (records.has(name)) return { bytes: records.get(name) };
  return isDeleted(deleteAll, name) ? { bytes: undefined } : undefined;
}

/** Whether the deletion of everything takes this record. */
export function isDeleted(deleteAll: Changes["deleteAll"], name: string): boolean {
  return deleteAll === "everything" || (deleteAll === "keys" && name !== CREDS_NAME);
}
