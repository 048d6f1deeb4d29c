import { basename } from "node:path";
import { VaultError } from "../errors.ts";

/** The parts of a chunk's key. */
export interface ChunkAddress {
  /** SHA-256 of its content, in hexadecimal. */
  readonly id: string;
  /** Epoch of the writer that uploaded it. */
  readonly epoch: number;
  /** How often a key of this content was given up in this epoch, mostly 0 (see FORMAT.md, "Deleting"). */
  readonly alt: number;
}

const DIGITS = 16;
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
  return numberOf(key.slice(logPrefix(session).length));
}

/** Key prefix of a session's chunks. */
export function chunksPrefix(session: string): string {
  return `${session}/chunks/`;
}

/** Key of a chunk. */
export function chunkKey(session: string, { id, epoch, alt }: ChunkAddress): string {
  return `${chunksPrefix(session)}${digits(epoch)}/${id}${alt === 0 ? "" : `.${alt}`}`;
}

/** The epoch in which the chunk at `key` was uploaded, or `undefined` when the key is of another kind. */
export function chunkEpoch(session: string, key: string): number | undefined {
  return numberOf(key.slice(chunksPrefix(session).length).split("/")[0] ?? "");
}

/** Key prefix of the list of sessions. */
export const SESSIONS_PREFIX = "_sessions/";

/** Key of the blob that makes a session known to listings. */
export function sessionKey(session: string): string {
  return SESSIONS_PREFIX + session;
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
