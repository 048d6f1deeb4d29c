// `lib/profile` knows Chromium: it finds, captures, checks, repairs and replaces browser profiles. It imports
// `lib/disk`, `lib/async`, the types of stores and the errors. `lib/browser` and `lib/auth` may import it, `lib/vault`
// only `verify.ts`.

import { createHash } from "node:crypto";
import { isVaultError } from "../errors.ts";
import type { Capture, CaptureFile } from "../store.ts";
import { captureProfile } from "./capture/capture.ts";
import { CheckedFiles } from "./checked-files.ts";
import { isDamage } from "./damage.ts";
import { Decoder, decodeBatch } from "./leveldb/format.ts";
import { scanLogFile } from "./leveldb/log.ts";
import { parseLevelDbName } from "./leveldb/manifest.ts";
import { readTable } from "./leveldb/table.ts";
import { cachedSource } from "./sources.ts";
import { openPages } from "./sqlite/pages.ts";
import { readRows } from "./sqlite/rows.ts";
import { scanWal } from "./sqlite/wal.ts";

/**
 * The entry of Local Storage that WhatsApp Web writes last when an account is linked: the number of the phone. Chromium
 * writes Local Storage to disk seconds after IndexedDB, so with this entry everything written before it is on disk.
 */
const LINKED_KEY = "last-wid-md";
/** The entries that are hashed: the second one differs between two links of the same phone. */
const CREDENTIAL_KEYS = [LINKED_KEY, "WANoiseInfo"];
/** The databases of IndexedDB that hold the credentials. */
const DATABASES = ["wawc", "signal-storage"];
const SITE = "https://web.whatsapp.com";
const LOCAL_STORAGE = "Default/Local Storage/leveldb/";
const LOCAL_STORAGE_FILE = "Default/LocalStorage";
/** The kind of the keys of IndexedDB's global metadata that name a database. */
const DATABASE_NAME = 201;
/** Blink's tag for a string whose characters are all Latin-1, one byte each. */
const LATIN1 = "\u0001";

/** The files of a capture by path. */
type Files = ReadonlyMap<string, CaptureFile>;

/** Whether the credentials of a linked account are on disk. */
export interface Credentials {
  readonly hasCredentials: boolean;
  /** What is missing when they are not. */
  readonly reason: string;
  /** Differs between the credentials of two links, also of the same phone; absent without credentials. Opaque. */
  readonly credentialsHash?: string;
}

/**
 * Whether a profile, also one that a browser has open, carries the credentials on disk: captures it and looks into it.
 * @throws `CORRUPT` when the profile is damaged; the signal's reason
 */
export async function probeCredentials(
  dir: string,
  options: { signal?: AbortSignal; checked?: CheckedFiles | undefined } = {},
): Promise<Credentials> {
  let capture: Capture;
  try {
    capture = await captureProfile(dir, { ...options, live: true });
  } catch (error) {
    if (isVaultError(error, "UNAVAILABLE")) return { hasCredentials: false, reason: error.message };
    throw error;
  }
  try {
    return await captureCredentials(capture, options.checked);
  } finally {
    await capture.close();
  }
}

/**
 * Whether a capture carries the credentials. Reads logs, Local Storage and the beginnings of the tables of IndexedDB that
 * may hold them, not the blobs.
 * @param checked gets what was found; what it has already is not read again
 */
export async function captureCredentials(
  capture: Capture,
  checked: CheckedFiles = new CheckedFiles(),
): Promise<Credentials> {
  const files: Files = new Map(capture.files.map((file) => [file.path, file]));
  const missing = await missingDatabase(capture, files, checked);
  if (missing !== undefined) return { hasCredentials: false, reason: `IndexedDB ${missing} is not on disk` };
  const credentialsHash = await hashOf(capture, files, checked);
  return credentialsHash === undefined
    ? { hasCredentials: false, reason: "Local Storage is not on disk" }
    : { hasCredentials: true, reason: "the credentials are on disk", credentialsHash };
}

/** The hash of the credentials in Local Storage; `undefined` when they are not there. */
async function hashOf(capture: Capture, files: Files, checked: CheckedFiles): Promise<string | undefined> {
  const isSqlite = capture.profile.localStorage === "sqlite";
  const prefix = isSqlite ? LOCAL_STORAGE_FILE : LOCAL_STORAGE;
  const own = capture.files.filter(({ path }) => path.startsWith(prefix));
  const identities = own.map(({ path, identity }) => `${path} ${identity}`).join("\n");
  const isExact = own.every(({ identity }) => identity !== undefined);
  const known = isExact ? checked.localStorageOf(identities) : undefined;
  if (known) return known.credentialsHash;
  const credentialsHash = isSqlite ? await hashInSqlite(files) : await hashInLevelDb(files, checked);
  if (isExact) checked.addLocalStorage(identities, credentialsHash);
  return credentialsHash;
}

/** The first database that is not in the IndexedDB of a capture. */
async function missingDatabase(capture: Capture, files: Files, checked: CheckedFiles): Promise<string | undefined> {
  const paths = [...files.keys()];
  if (capture.profile.indexedDb === "sqlite") {
    return DATABASES.find((name) => !paths.some((path) => path.endsWith(`/${sqliteName(name)}`)));
  }
  const prefix = paths.find((path) => path.endsWith(".indexeddb.leveldb/CURRENT"))?.slice(0, -"CURRENT".length);
  // The names of the databases are in IndexedDB's global metadata: keys of database 0, which sort before all others, and
  // by their kind.
  const place = (key: Buffer): number => (key[0] === 0 && key[1] === 0 ? (key[4] ?? 0) - DATABASE_NAME : 1);
  const wanted = { place, isWanted: (key: Buffer) => place(key) === 0, leastBytes: 0 };
  const entries = prefix === undefined ? [] : (await newestEntries(files, prefix, wanted, checked)).keys();
  const found = new Set([...entries].map((key) => databaseName(Buffer.from(key, "latin1"))));
  return DATABASES.find((name) => !found.has(name));
}

/** The file name of an IndexedDB database in SQLite: base32 of the SHA-256 of the database's name in UTF-16. */
function sqliteName(database: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of createHash("sha256").update(Buffer.from(database, "utf16le")).digest()) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >>> (bits - 5)) & 31];
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}

/**
 * The name of the database in a key of IndexedDB's global metadata: four zeros, 201, the origin and the name, each with
 * its length. `undefined` for any other key.
 */
function databaseName(key: Buffer): string | undefined {
  if (key.length < 6 || key.readUInt32LE(0) !== 0 || key[4] !== DATABASE_NAME) return undefined;
  try {
    const input = new Decoder(key, 5);
    const origin = 2 * input.varint();
    input.at += origin;
    const length = 2 * input.varint();
    return Buffer.from(key.subarray(input.at, input.at + length))
      .swap16()
      .toString("utf16le");
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

/**
 * The number of the phone that a capture is linked to, digits alone; `undefined` when Local Storage does not tell it.
 * @throws `CORRUPT` when Local Storage is damaged
 */
export async function capturedPhone(capture: Capture): Promise<string | undefined> {
  const files: Files = new Map(capture.files.map((file) => [file.path, file]));
  if (capture.profile.localStorage !== "sqlite") {
    const entries = await entriesInLevelDb(files, new CheckedFiles());
    const value = entries.get(storedKey(LINKED_KEY))?.value;
    return value && phoneIn(value);
  }
  const values = (await rowsInSqlite(files, LINKED_KEY)).flat().filter(Buffer.isBuffer);
  return values.map(phoneIn).find((phone) => phone !== undefined);
}

/** The phone in a stored value: `"5511999999999:12@c.us"` behind Blink's tag, which is 0 before UTF-16. */
function phoneIn(value: Buffer): string | undefined {
  const text = value[0] === 0 ? value.subarray(1).toString("utf16le") : value.toString("latin1");
  return /(\d{5,})(?:[:.]\d+)?@/.exec(text)?.[1];
}

/** Keys of Local Storage in LevelDB are `_<origin>\0<tag><key>`; values begin with a tag too. */
function storedKey(key: string): string {
  return `_${SITE}\0${LATIN1}${key}`;
}

/** The entries that are hashed, by their stored keys. */
async function entriesInLevelDb(
  files: Files,
  checked: CheckedFiles,
): Promise<Map<string, { sequence: number; value: Buffer }>> {
  const wanted = CREDENTIAL_KEYS.map(storedKey);
  const isWanted = (key: Buffer): boolean => wanted.includes(key.toString("latin1"));
  const [first, last] = wanted.map((key) => Buffer.from(key, "latin1")).sort(Buffer.compare) as [Buffer, Buffer];
  const place = (key: Buffer): number => (key.compare(first) < 0 ? -1 : Math.max(0, key.compare(last)));
  // A value begins with its tag: one that is no longer is empty.
  return await newestEntries(files, LOCAL_STORAGE, { place, isWanted, leastBytes: 2 }, checked);
}

async function hashInLevelDb(files: Files, checked: CheckedFiles): Promise<string | undefined> {
  const entries = await entriesInLevelDb(files, checked);
  if (!entries.has(storedKey(LINKED_KEY))) return undefined;
  const hash = createHash("sha256");
  for (const key of CREDENTIAL_KEYS.map(storedKey)) {
    const entry = entries.get(key);
    // The sequence number differs when the same value was written again.
    if (entry) hash.update(`${key} ${entry.sequence} `).update(entry.value);
  }
  return hash.digest("hex");
}

async function hashInSqlite(files: Files): Promise<string | undefined> {
  const [linked = [], ...others] = await Promise.all(CREDENTIAL_KEYS.map((key) => rowsInSqlite(files, key)));
  if (linked.length === 0) return undefined;
  const hash = createHash("sha256");
  for (const value of [linked, ...others].flat(2)) hash.update(Buffer.isBuffer(value) ? value : String(value));
  return hash.digest("hex");
}

/** The rows of a key of the site in Local Storage. */
async function rowsInSqlite(files: Files, key: string): Promise<Awaited<ReturnType<typeof readRows>>> {
  const [database, wal] = [files.get(LOCAL_STORAGE_FILE), files.get(`${LOCAL_STORAGE_FILE}-wal`)];
  const pages =
    database && (await openPages(cachedSource(database), wal && cachedSource(wal), wal && (await scanWal(wal))));
  if (pages === undefined || typeof pages === "string") return [];
  const site = (await readRows(pages, "maps")).filter((row) => isText(row[1], `${SITE}/`) || isText(row[1], SITE));
  // The first column of `maps` is the row number, which SQLite keeps outside the row. A site has one map.
  if (site.length === 0) return [];
  return (await readRows(pages, "map_entries")).filter((row) => row.some((value) => isText(value, LATIN1 + key)));
}

function isText(value: unknown, text: string): boolean {
  return Buffer.isBuffer(value) && value.toString("latin1") === text;
}

/** Which entries are looked for. */
interface Wanted {
  isWanted(key: Buffer): boolean;
  /** Below 0 for a key before all wanted ones, above 0 for a key behind them. */
  place(key: Buffer): number;
  /** Shorter values count as none. */
  readonly leastBytes: number;
}

/**
 * The newest entry of each wanted key in a LevelDB of a capture; a deleted key has none.
 * @param prefix path of the LevelDB directory, with a slash
 */
async function newestEntries(
  files: Files,
  prefix: string,
  { isWanted, place, leastBytes }: Wanted,
  checked: CheckedFiles,
): Promise<Map<string, { sequence: number; value: Buffer }>> {
  const newest = new Map<string, { sequence: number; value: Buffer | undefined }>();
  const note = (key: Buffer, value: Buffer | undefined, sequence: number): boolean => {
    if (!isWanted(key)) return false;
    const before = newest.get(key.toString("latin1"));
    if (before && before.sequence > sequence) return true;
    const isSet = value !== undefined && value.length >= leastBytes;
    newest.set(key.toString("latin1"), { sequence, value: isSet ? Buffer.from(value) : undefined });
    return true;
  };
  for (const [path, file] of files) {
    const parsed = path.startsWith(prefix) ? parseLevelDbName(path.slice(prefix.length)) : undefined;
    if (parsed?.kind === "log") {
      await scanLogFile(file, (data) => decodeBatch(data, note));
    } else if (parsed?.kind === "table" && !checked.isPlain(path, file.identity)) {
      const firstKey = checked.firstKeyOf(path, file.identity);
      // Chromium too looks for no entry in a table that begins behind it.
      if (firstKey && firstKey.length > 0 && place(firstKey) > 0) continue;
      let isPlain = true;
      const onEntry = (internal: Buffer, value: Buffer): boolean => {
        const key = internal.subarray(0, -8);
        if (place(key) !== 0) return place(key) < 0;
        const tag = internal.readBigUInt64LE(key.length);
        const isNoted = note(key, (tag & 0xffn) === 1n ? value : undefined, Number(tag >> 8n));
        isPlain &&= !isNoted;
        return true;
      };
      await readTable(file, onEntry, (key) => place(key) < 0);
      if (isPlain && file.identity !== undefined) checked.addPlain(path, file.identity);
    }
  }
  const held = new Map<string, { sequence: number; value: Buffer }>();
  for (const [key, { sequence, value }] of newest) if (value) held.set(key, { sequence, value });
  return held;
}
