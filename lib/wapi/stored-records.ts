import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { diskError, isMissing } from "../disk/errors.ts";
import { readWholeFile } from "../disk/read-whole-file.ts";
import { safeCause, safeMessage, VaultError } from "../errors.ts";
import { changeOf } from "./changes.ts";
import { insist } from "./insist.ts";
import { isCurrent, unpackJournal } from "./journal.ts";
import { CREDS_NAME, isRecordName, JOURNAL_NAME } from "./names.ts";
import type { RedisKeys } from "./redis-keys.ts";

/** All records of a session, by name. */
export type StoredRecords = ReadonlyMap<string, Buffer>;

/** A collection of the `mongodb` driver, or of mongoose; of any version. */
export interface WapiCollection {
  /** The documents that match. */
  // biome-ignore lint/suspicious/noExplicitAny: its filter and options have other types in each version
  find(filter: any, options?: any): { toArray(): Promise<unknown[]> };
}

const SUFFIX = ".enc";
/** How many records are read at once. */
const AT_ONCE = 100;
/** Far more than any record has. */
const LARGEST_FILE = 64 * 1024 * 1024;
/** How many files are open at once. */
const FILES_AT_ONCE = 16;
/** Numbers of errors of MongoDB and Atlas that refuse a user. */
const DENIED = [13, 18, 8_000];

/**
 * The records as wapi's Redis layout has them. Changes that were begun are taken for made. Nothing is written.
 * @param limitMs how long one step may take
 */
export async function recordsInRedis(keys: RedisKeys, limitMs: number): Promise<StoredRecords> {
  const doing = `read the session ${keys.uuid}`;
  const get = (name: string): Promise<Buffer | undefined> => insist({ limitMs, doing }, () => keys.get(name));
  const names = await insist({ limitMs, doing }, async () => {
    const found = new Set<string>();
    for await (const page of keys.pages()) for (const name of page.filter(isRecordName)) found.add(name);
    return [...found];
  });
  const records = await readAll(names, AT_ONCE, get);
  const bytes = await get(JOURNAL_NAME);
  const journal = bytes && unpackJournal(bytes, `the journal of ${keys.uuid}`);
  if (!journal || !isCurrent(journal, records.get(CREDS_NAME))) return records;
  const { changes } = journal;
  const kept = [...records].filter(([name]) => !changeOf(changes, name));
  return new Map([...kept, ...changes.records].flatMap(([name, record]) => (record ? [[name, record]] : [])));
}

/** The records in wapi's files, `<directory>/<name>.enc`; none without the directory. */
export async function recordsInFiles(directory: string): Promise<StoredRecords> {
  try {
    const files = await readdir(directory).catch((error) => {
      if (isMissing(error)) return [];
      throw error;
    });
    const names = files.filter((file) => file.endsWith(SUFFIX)).map((file) => file.slice(0, -SUFFIX.length));
    return await readAll(names.filter(isRecordName), FILES_AT_ONCE, (name) =>
      readWholeFile(join(directory, name + SUFFIX), { most: LARGEST_FILE }),
    );
  } catch (error) {
    throw diskError(`read the records in ${directory}`, error);
  }
}

/** The records in wapi's documents, `{ uuid, key: name, encrypted: base64 }`. */
export async function recordsInMongo(collection: WapiCollection, uuid: string): Promise<StoredRecords> {
  const documents = await find(collection, uuid);
  const records = new Map<string, Buffer>();
  for (const document of documents) {
    const { key, encrypted } = Object(document) as { key?: unknown; encrypted?: unknown };
    if (typeof key !== "string" || !isRecordName(key)) continue;
    if (typeof encrypted !== "string") {
      throw new VaultError(
        "CORRUPT",
        `Could not read the record ${key} of ${uuid}: its document has no text \`encrypted\`.`,
      );
    }
    // Of two that were inserted at once, wapi reads and writes the older one.
    if (!records.has(key)) records.set(key, Buffer.from(encrypted, "base64"));
  }
  return records;
}

async function find(collection: WapiCollection, uuid: string): Promise<unknown[]> {
  try {
    return await collection.find({ uuid }, { readPreference: "primary", sort: { _id: 1 } }).toArray();
  } catch (error) {
    const code = DENIED.includes(Number(Reflect.get(Object(error), "code"))) ? "DENIED" : "UNAVAILABLE";
    const message = `Could not read the documents of ${uuid}: ${safeMessage(error)}`;
    throw new VaultError(code, message, { cause: safeCause(error) });
  }
}

/** @param read answers `undefined` for a record that is gone by then */
async function readAll(
  names: readonly string[],
  atOnce: number,
  read: (name: string) => Promise<Buffer | undefined>,
): Promise<Map<string, Buffer>> {
  const records = new Map<string, Buffer>();
  for (let from = 0; from < names.length; from += atOnce) {
    const some = names.slice(from, from + atOnce);
    const bytes = await Promise.all(some.map(read));
    for (const [index, name] of some.entries()) {
      const record = bytes[index];
      if (record) records.set(name, record);
    }
  }
  return records;
}
