import { hash, type UUID } from "node:crypto";
import { VaultError } from "../errors.ts";

const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** The name of the record with the highest id that a pre-key was ever stored under. wapi has none; its `remove` deletes it. */
export const PRE_KEY_MARK_NAME = "pre-key-mark";
/** The name of changes that are under way; of no record. It is deleted with them, also by wapi. */
export const JOURNAL_NAME = "journal";
const RECORD_NAME = /^[0-9a-f]{32}$/;

/** The name of the record of the credentials. */
export const CREDS_NAME: string = nameOf("creds");

/** The name of a Signal record. Names are hashes: nobody can tell type and id from one. */
export function recordName(type: string, id: string): string {
  return nameOf(`${type}-${id}`);
}

/** Whether it may be the name of a record: one that {@link recordName} has made, or {@link PRE_KEY_MARK_NAME}. */
export function isRecordName(text: string): boolean {
  return RECORD_NAME.test(text) || text === PRE_KEY_MARK_NAME;
}

/** Whether it may be the name of a session. */
export function isUuid(text: unknown): text is UUID {
  return typeof text === "string" && UUID_TEXT.test(text);
}

/** @throws `INVALID`, with the text of wapi's error, unless it is a UUID */
export function assertUuid(uuid: unknown): asserts uuid is UUID {
  if (isUuid(uuid)) return;
  // What is no text may be an object with secrets.
  const shown = typeof uuid === "string" ? uuid.slice(0, 60) : typeof uuid;
  throw new VaultError("INVALID", `'${shown}' is not a valid UUID.`, {
    hint: "Make one with `randomUUID()` of `node:crypto`, and keep it: it is the name of the session.",
  });
}

function nameOf(text: string): string {
  return hash("md5", text, "hex");
}
