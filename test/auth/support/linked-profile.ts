import { randomBytes } from "node:crypto";
import { FileStore } from "../../../adapters/fs/index.ts";
import { captureOf, type Files } from "../../contract/profile.ts";
import { batchBytes, editBytes, logBytes, tableBytes } from "../../profile/support/leveldb-bytes.ts";
import { INDEXED_DB, LOCAL_STORAGE, youngLevelDb } from "../../profile/support/small-profile.ts";

/**
 * The least profile that carries a session, all of it on disk; `name` is in both of its stores.
 * @param device number of the link: another one has other credentials
 */
export function linkedProfile(name: string, device = 1): Files {
  const databases = youngLevelDb([
    [databaseKey("wawc"), "\u0001"],
    [databaseKey("signal-storage"), "\u0002"],
    ["name", name],
  ]);
  const localStorage = youngLevelDb([
    ["_https://web.whatsapp.com\0\u0001last-wid-md", `\u0001"15550001111:${device}@c.us"`],
    ["name", name],
  ]);
  return { ...below(INDEXED_DB, databases), ...below(LOCAL_STORAGE, localStorage) };
}

/** A profile that carries a session and has tables of about so many bytes. */
export function largeProfile(bytes: number): Files {
  const count = Math.ceil(bytes / 1_000);
  const rows = Array.from({ length: count }, (_, index) => ({
    key: `key-${String(index).padStart(6, "0")}`,
    sequence: index + 1,
    value: randomBytes(500).toString("hex"),
  }));
  const table = tableBytes(rows);
  const names = [databaseKey("wawc"), databaseKey("signal-storage")];
  const indexedDb = {
    CURRENT: "MANIFEST-000001\n",
    "MANIFEST-000001": logBytes([
      editBytes({ comparator: "c", log: 0, next: 2, last: 0 }),
      editBytes({ log: 6, next: 7, last: count, added: [[0, 5, table.length]] }),
    ]),
    "000005.ldb": table,
    "000006.log": logBytes(names.map((name, index) => batchBytes(count + index + 1, [[name, "\u0001"]]))),
  };
  const others = Object.entries(linkedProfile("large")).filter(([path]) => !path.startsWith(INDEXED_DB));
  return { ...Object.fromEntries(others), ...below(INDEXED_DB, indexedDb) };
}

/** A profile that descends from an older version than the stored one. */
export function olderProfile(name: string, session: string): Files {
  const marker = Buffer.from(JSON.stringify({ v: 1, session, base: "older" }));
  return { ...linkedProfile(name), ".wa-vault.json": marker };
}

/** Makes a session the current one of a store in `directory`. */
export async function storeProfile(directory: string, session: string, files: Files): Promise<void> {
  const store = new FileStore({ directory });
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, lease, capture: captureOf(files) });
  await lease.release();
}

/** The part of a profile that carries the session. */
export function sessionOf(files: Files): Files {
  return Object.fromEntries(Object.entries(files).filter(([path]) => path.startsWith("Default/")));
}

/** A key of IndexedDB that says that a database exists. */
function databaseKey(name: string): string {
  const utf16 = (text: string): string => [...text].map((char) => `\0${char}`).join("");
  const origin = "https_web.whatsapp.com_0@1";
  return `\0\0\0\0\u00c9${String.fromCharCode(origin.length)}${utf16(origin)}${String.fromCharCode(name.length)}${utf16(name)}`;
}

function below(folder: string, files: Readonly<Record<string, Buffer | string>>): Files {
  return Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`${folder}/${path}`, Buffer.from(bytes)]));
}
