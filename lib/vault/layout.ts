import { basename } from "node:path";
import { VaultError } from "../errors.ts";

/** The parts of a chunk's key. */
export interface ChunkAddress {
  /** SHA-256 of its content, in hexadecimal; encrypted: an HMAC under a key of the session. */
  readonly id: string;
  /** Folder of the holder that uploaded it: see {@link holdFolder}. Folders of earlier versions are an epoch alone. */
  readonly folder: string;
  /** How often a key of this content was given up by its holder, mostly 0 (see FORMAT.md, "Deleting"). */
  readonly alt: number;
}

const DIGITS = 16;
const FOLDER = /^(\d{16})(-[0-9a-f]{16})?$/;
const SHORT_FOLDER = /^([1-9]\d{0,15})-([0-9a-f]{16})$/;
const SESSION = /^(?!_)[-\w]{1,128}$/;

/**
 * The name of a session, from any form that strategies use: the bare name, or a path that ends in it.
 * @throws `INVALID` when the name cannot be part of a key.
 */
export function sessionName(session: string): string {
  const name = typeof session === "string" ? basename(session.replaceAll("\\", "/")) : "";
  if (!SESSION.test(name)) {
    throw new VaultError(
      "INVALID",
      "Expected `session` to be a name of letters, digits, underscores and hyphens (at most 128, no underscore first), or a path that ends in such a name.",
    );
  }
  return name;
}

/** Whether `name` can be the name of a session. */
export function isSessionName(name: string): boolean {
  return SESSION.test(name);
}

/**
 * Key prefix of all that is stored of a session, but for its place in the list of sessions. The log sorts last: some backends
 * list in order, and see to the end of a listing that the newest entry is not missed.
 */
export function sessionPrefix(session: string): string {
  return `${session}/`;
}

/** Key prefix of a session's log. */
export function logPrefix(session: string): string {
  return `${session}/log/`;
}

/** Key of log entry `n`. */
export function entryKey(session: string, n: number): string {
  return logPrefix(session) + digits(n);
}

/** The number of the log entry at `key`, or `undefined` when the key is of another kind. */
export function entryNumber(session: string, key: string): number | undefined {
  const prefix = logPrefix(session);
  return key.startsWith(prefix) ? numberOf(key.slice(prefix.length)) : undefined;
}

/**
 * The folder of all that a holder stores beside the log. The epoch alone would not do: a store that has lost a hold gives
 * its epoch to another holder.
 * @param hold the holder's `hold` entry.
 */
export function holdFolder({ epoch, id }: { epoch: number; id: string }): string {
  return `${digits(epoch)}-${id.slice(0, DIGITS)}`;
}

/** The epoch of a holder's folder, or `undefined` when `folder` is no such name. */
export function folderEpoch(folder: string): number | undefined {
  const [, epoch] = FOLDER.exec(folder) ?? [];
  return epoch === undefined ? undefined : Number(epoch);
}

/** The folder in its short form, for a manifest: the epoch alone is a number, e.g. 7 or `"7-ab12cd34ef567890"`. */
export function shortFolder(folder: string): number | string {
  const [epoch, hold] = folder.split("-");
  return hold === undefined ? Number(epoch) : `${Number(epoch)}-${hold}`;
}

/** The reverse of {@link shortFolder}; `undefined` when `short` is no such value. */
export function longFolder(short: unknown): string | undefined {
  if (typeof short === "number") return Number.isSafeInteger(short) && short >= 0 ? digits(short) : undefined;
  const [, epoch, hold] = SHORT_FOLDER.exec(String(short)) ?? [];
  return epoch === undefined ? undefined : `${digits(Number(epoch))}-${hold}`;
}

/** Key prefix of a session's chunks. */
export function chunksPrefix(session: string): string {
  return `${session}/chunks/`;
}

/** Key of a chunk. */
export function chunkKey(session: string, { id, folder, alt }: ChunkAddress): string {
  return `${chunksPrefix(session)}${folder}/${id}${alt === 0 ? "" : `.${alt}`}`;
}

/** The folder of the chunk at `key`. */
export function chunkFolder(session: string, key: string): string {
  return key.slice(chunksPrefix(session).length).split("/")[0] ?? "";
}

/** Key prefix of all leases of a session. */
export function leasesPrefix(session: string): string {
  return `${session}/lease/`;
}

/** Key prefix of the lease of one holder. */
export function leasePrefix(session: string, folder: string): string {
  return `${leasesPrefix(session)}${folder}/`;
}

/** Name of the blob of one renewal, below the prefix of the lease. */
export function turnName(turn: number): string {
  return digits(turn);
}

/** The turn of the renewal with this name, or `undefined` when it is no renewal. */
export function turnOf(name: string): number | undefined {
  return numberOf(name);
}

/** The folder of the lease at `key`. */
export function leaseFolder(session: string, key: string): string {
  return key.slice(leasesPrefix(session).length).split("/")[0] ?? "";
}

/** Key prefix of the list of sessions. */
export const SESSIONS_PREFIX = "_sessions/";

/** Key of the salt with which passphrases become keys. */
export const SALT_KEY = "_vault/scrypt";

/** Key of the blob that makes a session known to listings. */
export function sessionKey(session: string): string {
  return SESSIONS_PREFIX + session;
}

/** The session that `key`, or a prefix of keys, belongs to, and the part of it, for people. */
export function placeOf(key: string): {
  session?: string;
  part: "log" | "lease" | "chunks" | "sessions" | "vault" | "other";
} {
  const [first = "", second = ""] = key.split("/");
  if (first === "_vault") return { part: "vault" };
  if (key.startsWith(SESSIONS_PREFIX)) return { ...(second === "" ? {} : { session: second }), part: "sessions" };
  return { session: first, part: second === "log" || second === "lease" || second === "chunks" ? second : "other" };
}

/** Whether the value at `key` is small and urgent, as log entries and the list of sessions are. Chunks are not. */
export function isUrgent(key: string): boolean {
  return !key.includes("/chunks/");
}

function digits(n: number): string {
  return String(n).padStart(DIGITS, "0");
}

function numberOf(text: string): number | undefined {
  return /^\d{16}$/.test(text) ? Number(text) : undefined;
}
