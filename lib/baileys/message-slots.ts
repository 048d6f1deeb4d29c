import type { RecordChange } from "../vault/records/record-bytes.ts";
import { MOST_MESSAGES, messageKey } from "./record-key.ts";
import type { EncodedRecords } from "./signal-keys.ts";
import { decodeValue, encodeValue } from "./value-codec.ts";

/** How many of the messages that a bot has sent are kept. */
export interface MessageLimits {
  /** Up to {@link MOST_MESSAGES}. */
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** A message that a bot has sent. */
export interface SentMessage {
  readonly id: string;
  readonly chat: string;
  /** When it was sent, in milliseconds since the epoch. */
  readonly at: number;
  /** As protobuf. */
  readonly bytes: Buffer;
}

/** The record that a message takes. */
interface Slot {
  readonly number: number;
  readonly at: number;
  readonly bytes: number;
}

/** With these, no message is kept. */
const NONE: MessageLimits = { maxMessages: 0, maxBytes: 0, maxAgeMs: 0 };

/** The messages among the records of a session. They take the same few records by turns, and so leave none behind. */
export class MessageSlots {
  readonly #records: EncodedRecords;
  readonly #limits: MessageLimits;
  /** By the message's id, oldest first. Read when they are needed: by then a state before this one has stored its last ones. */
  #used: Map<string, Slot> | undefined;

  constructor(records: EncodedRecords, limits: MessageLimits | undefined) {
    this.#records = records;
    this.#limits = limits ?? NONE;
  }

  /** The message with this id; `undefined` when it is not there, or too old. @throws `CORRUPT` when it is damaged */
  find(id: string): SentMessage | undefined {
    const slot = this.#slots().get(id);
    const message = slot && this.#read(slot.number);
    // A set that the store has refused has changed nothing.
    return message?.id === id && !this.#isOld(message) ? message : undefined;
  }

  /** What is to be set so that these messages are kept, and none that is too old or too many. */
  put(messages: Iterable<SentMessage>): RecordChange[] {
    const used = this.#slots();
    const changes = new Map<number, Buffer | undefined>();
    const numbers = new Set([...used.values()].map(({ number }) => number));
    let left = this.#limits.maxBytes - [...used.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    const free = (id: string, { number, bytes }: Slot): void => {
      used.delete(id);
      numbers.delete(number);
      changes.set(number, undefined);
      left += bytes;
    };
    const { maxMessages } = this.#limits;
    for (const [id, slot] of used) if (slot.number >= maxMessages || this.#isOld(slot)) free(id, slot);
    for (const { id, chat, at, bytes } of messages) {
      const before = used.get(id);
      if (before) free(id, before);
      for (const [other, slot] of used) {
        if (used.size < maxMessages && left >= bytes.length) break;
        free(other, slot);
      }
      const number = lowestFree(numbers);
      numbers.add(number);
      used.set(id, { number, at, bytes: bytes.length });
      changes.set(number, encodeValue([id, chat, at, bytes], "a message"));
      left -= bytes.length;
    }
    return [...changes].map(([number, value]) => [messageKey(number), value]);
  }

  #slots(): Map<string, Slot> {
    this.#used ??= this.#readAll();
    return this.#used;
  }

  #readAll(): Map<string, Slot> {
    const found: [string, Slot][] = [];
    for (let number = 0; number < MOST_MESSAGES; number++) {
      if (this.#records.get(messageKey(number)) === undefined) continue;
      try {
        const { id, at, bytes } = this.#read(number) as SentMessage;
        found.push([id, { number, at, bytes: bytes.length }]);
      } catch {
        // Too old to be found, and so the first one to go.
        found.push([messageKey(number), { number, at: Number.NEGATIVE_INFINITY, bytes: 0 }]);
      }
    }
    return new Map(found.sort(([, one], [, other]) => one.at - other.at));
  }

  #read(number: number): SentMessage | undefined {
    const record = this.#records.get(messageKey(number));
    if (!record) return undefined;
    const [id, chat, at, bytes] = decodeValue(record, `message ${number}`) as [string, string, number, Buffer];
    return { id, chat, at, bytes };
  }

  #isOld({ at }: { at: number }): boolean {
    return Date.now() - at > this.#limits.maxAgeMs;
  }
}

function lowestFree(numbers: ReadonlySet<number>): number {
  let number = 0;
  while (numbers.has(number)) number++;
  return number;
}
