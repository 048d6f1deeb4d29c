import { VaultError } from "../errors.ts";
import { parseJid, personalKind } from "./jids.ts";
import { decodeMessage, encodeMessage } from "./message-record.ts";
import { type MessageLimits, MessageSlots, type NewMessage } from "./message-slots.ts";
import { recordKey } from "./record-key.ts";
import type { EncodedRecords } from "./signal-keys.ts";
import type { BaileysModule, MessageKey } from "./types.ts";
import { decodeValue } from "./value-codec.ts";

/** A larger record is not kept: the message has a picture in it. */
const MOST_BYTES = 16 * 1024;
/**
 * Bytes of messages that are stored at once. With what is deleted for them, they fit into an ordinary entry also where blobs
 * have 64 KiB, the least that a store may take.
 */
const MOST_AT_ONCE = 20 * 1024;
/** How long a message waits for a set of keys to travel with, in milliseconds. */
const RIDE_MS = 1_000;

/** What {@link SentMessages} takes. */
interface SentMessagesOptions {
  readonly limits: MessageLimits;
  readonly onError: (error: unknown) => void;
}

/**
 * The messages that a bot has sent last, among the records of its session: who cannot decrypt one asks for it again, also
 * when the bot was started anew since. They are stored beside sets of keys, or a second later. Whatever fails with them, a
 * message is not kept, and nothing else happens.
 */
export class SentMessages {
  readonly #records: EncodedRecords;
  readonly #baileys: BaileysModule;
  readonly #limits: MessageLimits;
  readonly #onError: (error: unknown) => void;
  #readSlots: MessageSlots | undefined;
  /** By id, in the order in which they were sent. */
  readonly #waiting = new Map<string, NewMessage>();
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStoring = false;

  constructor(records: EncodedRecords, baileys: BaileysModule, { limits, onError }: SentMessagesOptions) {
    this.#records = records;
    this.#baileys = baileys;
    this.#limits = limits;
    this.#onError = onError;
  }

  /** Keeps a message that the bot has sent. Never throws. */
  add({ id, remoteJid: chat }: MessageKey, message: unknown): void {
    if (typeof id !== "string" || typeof chat !== "string") return;
    const at = Date.now();
    let record: Buffer;
    try {
      const bytes = Buffer.from(this.#baileys.proto.Message.encode(message).finish());
      record = encodeMessage({ id, chat, at, bytes });
    } catch (cause) {
      const why = "it cannot be encoded as a protobuf message";
      this.#onError(new VaultError("INVALID", `Could not keep message ${id}: ${why}.`, { cause }));
      return;
    }
    this.#stopWaiting(id);
    if (record.length > Math.min(MOST_BYTES, this.#limits.maxBytes)) return;
    this.#waiting.set(id, { id, at, record });
    this.#waitingBytes += record.length;
    this.#dropOldest();
    this.#storeSoon();
  }

  /** The message that a socket asks for; `undefined` when it is not kept, is too old, or not for who asks. Never throws. */
  get(key: MessageKey): unknown {
    const { id, remoteJid, fromMe } = Object(key) as MessageKey;
    if (typeof id !== "string") return undefined;
    try {
      const waiting = this.#waiting.get(id);
      const found = waiting ? decodeMessage(waiting.record, `message ${id}`) : this.#slots.find(id);
      if (!found || Date.now() - found.at > this.#limits.maxAgeMs) return undefined;
      // Nobody else gets it. Votes, and answers to events, are told of from the side of who gives them.
      if (fromMe && remoteJid && !this.#isSameChat(remoteJid, found.chat)) return undefined;
      // A copy: what is decoded may be a part of it.
      return this.#baileys.proto.Message.decode(Buffer.from(found.bytes));
    } catch (cause) {
      this.#onError(new VaultError("CORRUPT", `Could not read message ${id}: it is damaged.`, { cause }));
      return undefined;
    }
  }

  /** To be called right after a set of keys: what waits travels with it. */
  ride(): void {
    // One at a time: sets of keys wait for no message but those whose entry is on its way.
    if (!this.#isStoring) this.#store(firstOf(this.#waiting.values()));
  }

  /**
   * Stores the newest ones of what waits, as many as are stored at once, and drops the others: to be called before the records
   * take nothing more. All of them would be in the way of the keys that are set next.
   */
  flush(): void {
    this.#store(firstOf([...this.#waiting.values()].reverse()).reverse());
    this.#waiting.clear();
    this.#waitingBytes = 0;
  }

  /** Read when they are needed: by then a state before this one has stored its last ones. */
  get #slots(): MessageSlots {
    this.#readSlots ??= new MessageSlots(this.#records, this.#limits);
    return this.#readSlots;
  }

  /** Stores some of what waits. */
  #store(some: readonly NewMessage[]): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (some.length === 0) return;
    for (const { id } of some) this.#stopWaiting(id);
    this.#isStoring = true;
    const done = (): void => {
      this.#isStoring = false;
      this.#storeSoon();
    };
    // Why it has failed, the records tell themselves.
    this.#records.set(this.#slots.put(some)).then(done, done);
  }

  #storeSoon(): void {
    if (this.#waiting.size === 0 || this.#isStoring) return;
    this.#timer ??= setTimeout(() => this.ride(), RIDE_MS).unref();
  }

  #stopWaiting(id: string): void {
    this.#waitingBytes -= this.#waiting.get(id)?.record.length ?? 0;
    this.#waiting.delete(id);
  }

  /** Of those that wait: the store may be away for long. */
  #dropOldest(): void {
    const { maxMessages, maxBytes } = this.#limits;
    for (const { id } of this.#waiting.values()) {
      if (this.#waiting.size <= maxMessages && this.#waitingBytes <= maxBytes) return;
      this.#stopWaiting(id);
    }
  }

  /** A person has a phone number and a LID; receipts name either, and a device. */
  #isSameChat(one: string, other: string): boolean {
    if (one === other) return true;
    const [first, second] = [parseJid(one), parseJid(other)];
    if (!first || !second) return false;
    const [kind, otherKind] = [personalKind(first), personalKind(second)];
    if (!kind || !otherKind) return first.user === second.user && first.server === second.server;
    if (kind === otherKind) return first.user === second.user;
    const [number, lid] = kind === "number" ? [first.user, second.user] : [second.user, first.user];
    const mappings = [
      [this.#mapped(number), lid],
      [this.#mapped(`${lid}_reverse`), number],
    ];
    // Baileys 6 keeps no mappings.
    return mappings.every(([mapped, expected]) => mapped === undefined || mapped === expected);
  }

  /** The LID of a phone number, or the number of `<LID>_reverse`. */
  #mapped(id: string): unknown {
    const bytes = this.#records.get(recordKey("lid-mapping", id));
    return bytes && decodeValue(bytes, `lid-mapping ${id}`);
  }
}

/** The first ones of these, as many as are stored at once. */
function firstOf(messages: Iterable<NewMessage>): NewMessage[] {
  const some: NewMessage[] = [];
  let left = MOST_AT_ONCE;
  for (const message of messages) {
    left -= message.record.length;
    if (left < 0) break;
    some.push(message);
  }
  return some;
}
