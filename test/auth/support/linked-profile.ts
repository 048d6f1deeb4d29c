import { FileStore } from "../../../adapters/fs/index.ts";
import { captureOf, type Files } from "../../contract/profile.ts";
import { INDEXED_DB, LOCAL_STORAGE, youngLevelDb } from "../../profile/support/small-profile.ts";

/** The least profile that carries a session, all of it on disk; `name` is in both of its stores. */
export function linkedProfile(name: string): Files {
  const databases = youngLevelDb([
    [databaseKey("wawc"), "\u0001"],
    [databaseKey("signal-storage"), "\u0002"],
    ["name", name],
  ]);
  const localStorage = youngLevelDb([
    ["_https://web.whatsapp.com\0\u0001last-wid-md", '\u0001"15550001111:1@c.us"'],
    ["name", name],
  ]);
  return { ...below(INDEXED_DB, databases), ...below(LOCAL_STORAGE, localStorage) };
}

/** A profile that descends from something older than what is stored. */
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
