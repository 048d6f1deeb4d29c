import { VaultError } from "../errors.ts";
import { decodeValue, encodeValue } from "./value-codec.ts";

/** A message that a bot has sent. */
export interface SentMessage {
  readonly id: string;
  readonly chat: string;
  /** When it was sent, in milliseconds since the epoch. */
  readonly at: number;
  /** As protobuf. */
  readonly bytes: Buffer;
}

/** Ends what comes before the protobuf: there is none in JSON. */
const END = "\n";

/** A message as the value of a record: its protobuf as it is, after what is read of all messages. */
export function encodeMessage({ id, chat, at, bytes }: SentMessage): Buffer {
  return Buffer.concat([encodeValue([id, chat, at], `message ${id}`), Buffer.from(END), bytes]);
}

/**
 * The message that {@link encodeMessage} made the record from. Its bytes are those of the record.
 * @param what named in errors
 * @throws `CORRUPT` when it is no such record; `INVALID` when a newer version wrote it
 */
export function decodeMessage(record: Buffer, what: string): SentMessage {
  const end = record.indexOf(END);
  const head = end > 0 ? decodeValue(record.subarray(0, end), what) : undefined;
  const [id, chat, at] = Array.isArray(head) ? head : [];
  if (typeof id !== "string" || typeof chat !== "string" || typeof at !== "number") {
    throw new VaultError("CORRUPT", `Could not read ${what}: it is not what was stored.`);
  }
  return { id, chat, at, bytes: record.subarray(end + END.length) };
}
