import { VaultError } from "../errors.ts";

/** Key of the credentials. */
export const CREDS_KEY = "creds";
/** Key of the credentials of the device that was linked before this one. */
export const EARLIER_CREDS_KEY = "earlier-creds";
/** Key of the highest id that a pre-key was ever stored under. */
export const PRE_KEY_MARK_KEY = "pre-key-mark";
/** Key of a number: the records that messages take have numbers below it. Absent where there is no message. */
export const MESSAGES_KEY = "messages";
/** The records that messages take have numbers below it, whatever the options are. */
export const MOST_MESSAGES = 10_000;

const MESSAGE_PREFIX = "message-";
/** Between type and id: no type contains it. */
const SEPARATOR = "\0";
const LONGEST_KEY = 0xffff;

/** Key of a message that the bot has sent. @param slot below {@link MOST_MESSAGES} */
export function messageKey(slot: number): string {
  return `${MESSAGE_PREFIX}${slot}`;
}

/** Whether the record is a message that the bot has sent, or says how many there are. */
export function isMessageKey(key: string): boolean {
  return key === MESSAGES_KEY || key.startsWith(MESSAGE_PREFIX);
}

/** Whether it is the key of a record that sockets know nothing of: it is no part of the state of another place. */
export function isOwnKey(key: string): boolean {
  return key === EARLIER_CREDS_KEY || key === PRE_KEY_MARK_KEY || isMessageKey(key);
}

/** The key of a Signal record. @throws `INVALID` when the type or the id cannot be a part of one */
export function recordKey(type: string, id: string): string {
  const key = `${type}${SEPARATOR}${id}`;
  if (type !== "" && !type.includes(SEPARATOR) && isStorable(key)) return key;
  throw new VaultError("INVALID", `Could not use ${JSON.stringify(key.slice(0, 60))} as type and id of a record.`, {
    hint: `A type is not empty, and has no NUL in it; both have at most ${LONGEST_KEY - 1} bytes together, of valid Unicode.`,
  });
}

function isStorable(key: string): boolean {
  const bytes = Buffer.from(key);
  return bytes.length <= LONGEST_KEY && bytes.toString() === key;
}

/** Type and id of the record with this key; `undefined` when it is no Signal record. */
export function parseRecordKey(key: string): { type: string; id: string } | undefined {
  const at = key.indexOf(SEPARATOR);
  return at === -1 ? undefined : { type: key.slice(0, at), id: key.slice(at + SEPARATOR.length) };
}
