import type { RecordChange } from "../vault/records/record-bytes.ts";
import { decodeMessage, type SentMessage } from "./message-record.ts";
import { MESSAGES_KEY, MOST_MESSAGES, messageKey } from "./record-key.ts";
import type { EncodedRecords } from "./signal-keys.ts";
import { decodeValue, encodeValue } from "./value-codec.ts";

/** How many of the messages that a bot has sent are kept. */
export interface MessageLimits {
  /** Up to {@link MOST_MESSAGES}. */
  readonly maxMessages: number;
  /** Of their records together. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** A message that is to be kept. */
export interface NewMessage {
  readonly id: string;
  /** When it was sent, in milliseconds since the epoch. */
  readonly at: number;
  readonly record: Buffer;
}

/** The record that a message takes. */
interface Slot {
  readonly id: string;
  readonly number: number;
  readonly at: number;
  readonly bytes: number;
}

/** Messages that are deleted at once because they are too old: a set of messages shall stay small. */
const MOST_OLD_AT_ONCE = 256;
/** The order is made anew when so many of its slots, and half of them, are used no more. */
const MOST_UNUSED = 1_024;

/** The messages among the records of a session. They take the same few records by turns, and so leave none behind. */
export class MessageSlots {
  readonly #records: EncodedRecords;
  readonly #limits: MessageLimits;
  /** By the message's id. */
  readonly #used = new Map<string, Slot>();
  /** Oldest first. Those before `#oldestAt`, and some after it, are used no more. */
  #order: Slot[] = [];
  #oldestAt = 0;
  /** Numbers that no message has, the lowest one last. */
  readonly #free: number[] = [];
  /** All messages have numbers below it. */
  readonly #end: number;
  #bytes = 0;

  /** Reads which messages there are. */
  constructor(records: EncodedRecords, limits: MessageLimits) {
    this.#records = records;
    this.#limits = limits;
    const slots = storedNumbers(records).map((number) => slotOf(records, number));
    // A set that the store has refused may have left a message twice: the older one is found by nobody.
    for (const { id, ...slot } of slots.sort((one, other) => other.at - one.at)) {
      this.#add({ ...slot, id: this.#used.has(id) ? messageKey(slot.number) : id });
    }
    this.#order.reverse();
    this.#end = slots.reduce((end, { number }) => Math.max(end, number + 1), limits.maxMessages);
    const taken = new Set(slots.map(({ number }) => number));
    for (let number = limits.maxMessages - 1; number >= 0; number--) if (!taken.has(number)) this.#free.push(number);
  }

  /** The message with this id; `undefined` when it is not there. @throws `CORRUPT` when it is damaged */
  find(id: string): SentMessage | undefined {
    const slot = this.#used.get(id);
    const record = slot && this.#records.get(messageKey(slot.number));
    const message = record && decodeMessage(record, `message ${id}`);
    // A set that the store has refused has changed nothing.
    return message?.id === id ? message : undefined;
  }

  /** What is to be set so that these messages are kept, and none that is too old or too many. */
  put(messages: Iterable<NewMessage>): RecordChange[] {
    const { maxMessages, maxBytes, maxAgeMs } = this.#limits;
    const changes = new Map<number, Buffer | undefined>();
    const remove = (slot: Slot): void => {
      this.#remove(slot);
      changes.set(slot.number, undefined);
    };
    const tooOld = Date.now() - maxAgeMs;
    for (let left = MOST_OLD_AT_ONCE; left > 0; left--) {
      const oldest = this.#oldest();
      if (!oldest || oldest.at >= tooOld) break;
      remove(oldest);
    }
    for (const { id, at, record } of messages) {
      const before = this.#used.get(id);
      if (before) remove(before);
      for (let oldest = this.#oldest(); oldest; oldest = this.#oldest()) {
        if (this.#used.size < maxMessages && this.#bytes + record.length <= maxBytes) break;
        remove(oldest);
      }
      // Fewer messages than numbers: one is free.
      const number = this.#free.pop() as number;
      this.#add({ id, number, at, bytes: record.length });
      changes.set(number, record);
    }
    const end = [MESSAGES_KEY, encodeValue(this.#end, "the number of messages")] as const;
    return [end, ...[...changes].map(([number, value]) => [messageKey(number), value] as const)];
  }

  #add(slot: Slot): void {
    this.#used.set(slot.id, slot);
    this.#order.push(slot);
    this.#bytes += slot.bytes;
  }

  #remove({ id, number, bytes }: Slot): void {
    this.#used.delete(id);
    this.#bytes -= bytes;
    if (number < this.#limits.maxMessages) this.#free.push(number);
  }

  /** The oldest message. */
  #oldest(): Slot | undefined {
    for (; this.#oldestAt < this.#order.length; this.#oldestAt++) {
      const slot = this.#order[this.#oldestAt] as Slot;
      if (this.#used.get(slot.id) === slot) break;
    }
    if (this.#oldestAt > MOST_UNUSED && this.#oldestAt * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#oldestAt);
      this.#oldestAt = 0;
    }
    return this.#order[this.#oldestAt];
  }
}

/** What is to be set so that no message is left; nothing when there is none, which one look tells. */
export function withoutMessages(records: EncodedRecords): RecordChange[] {
  if (records.get(MESSAGES_KEY) === undefined) return [];
  return [MESSAGES_KEY, ...storedNumbers(records).map(messageKey)].map((key) => [key, undefined]);
}

/** The numbers of all messages among the records. */
function storedNumbers(records: EncodedRecords): number[] {
  const record = records.get(MESSAGES_KEY);
  const numbers = Array.from({ length: record ? endOf(record) : 0 }, (_, number) => number);
  return numbers.filter((number) => records.get(messageKey(number)) !== undefined);
}

function endOf(record: Buffer): number {
  try {
    const end = decodeValue(record, "the number of messages");
    if (Number.isSafeInteger(end)) return Math.min(end as number, MOST_MESSAGES);
  } catch {
    // All of them are looked for then.
  }
  return MOST_MESSAGES;
}

function slotOf(records: EncodedRecords, number: number): Slot {
  const key = messageKey(number);
  const record = records.get(key) ?? Buffer.alloc(0);
  try {
    const { id, at } = decodeMessage(record, key);
    return { id, number, at, bytes: record.length };
  } catch {
    // Too old to be found, and so the first one to go.
    return { id: key, number, at: Number.NEGATIVE_INFINITY, bytes: record.length };
  }
}
