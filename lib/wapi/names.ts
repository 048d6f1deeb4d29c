import { createHash, type UUID } from "node:crypto";
import { VaultError } from "../errors.ts";

const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const RECORD_NAME = /^[0-9a-f]{32}$/;

/** The name of the record of the credentials. */
export const CREDS_NAME: string = nameOf("creds");

/** The name of a Signal record. Names are hashes: nobody can tell type and id from one. */
export function recordName(type: string, id: string): string {
  return nameOf(`${type}-${id}`);
}

/** Whether it is a name that {@link recordName} may have made. */
export function isRecordName(text: string): boolean {
  return RECORD_NAME.test(text);
}

/** @throws `INVALID`, with the text of wapi's error, unless it is a UUID */
export function assertUuid(uuid: unknown): asserts uuid is UUID {
  if (typeof uuid === "string" && UUID_TEXT.test(uuid)) return;
  // What is no text may be an object with secrets.
  const shown = typeof uuid === "string" ? uuid.slice(0, 60) : typeof uuid;
  throw new VaultError("INVALID", `'${shown}' is not a valid UUID.`, {
    hint: "Make one with `randomUUID()` of `node:crypto`, and keep it: it is the name of the session.",
  });
}

function nameOf(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
