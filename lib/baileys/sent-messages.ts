import { isGroup, parseJid } from "./jids.ts";
import { type MessageLimits, MessageSlots, type SentMessage } from "./message-slots.ts";
import { recordKey } from "./record-key.ts";
import type { EncodedRecords } from "./signal-keys.ts";
import type { BaileysModule, MessageKey } from "./types.ts";
import { decodeValue } from "./value-codec.ts";

/** A larger message is not kept: it has a picture in it, and sets of keys that it travels with shall stay small. */
const MOST_BYTES = 32 * 1024;
/** Bytes of messages that are stored at once. */
const MOST_AT_ONCE = 4 * MOST_BYTES;
/** How long a message waits for a set of keys to travel with, in milliseconds. */
const RIDE_MS = 1_000;

/** What {@link SentMessages} takes. */
interface SentMessagesOptions {
  /** `undefined`: none are kept, and those from before are deleted beside the next set of keys. */
  readonly limits: MessageLimits | undefined;
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
  readonly #limits: MessageLimits | undefined;
  readonly #onError: (error: unknown) => void;
  readonly #slots: MessageSlots;
  /** By id, in the order in which they were sent. */
  readonly #waiting = new Map<string, SentMessage>();
  #timer: NodeJS.Timeout | undefined;
  #isStoring = false;
  #hasEnded = false;

  constructor(records: EncodedRecords, baileys: BaileysModule, { limits, onError }: SentMessagesOptions) {
    this.#records = records;
    this.#baileys = baileys;
    this.#limits = limits;
    this.#onError = onError;
    this.#slots = new MessageSlots(records, limits);
  }

  /** Whether messages are kept. */
  get isOn(): boolean {
    return this.#limits !== undefined;
  }

  /** Keeps a message that the bot has sent. Never throws. */
  add({ id, remoteJid }: MessageKey, message: unknown): void {
    if (!this.#limits || this.#hasEnded || typeof id !== "string" || typeof remoteJid !== "string") return;
    try {
      const bytes = Buffer.from(this.#baileys.proto.Message.encode(message).finish());
      if (bytes.length > Math.min(MOST_BYTES, this.#limits.maxBytes)) return;
      this.#waiting.delete(id);
      this.#waiting.set(id, { id, chat: remoteJid, at: Date.now(), bytes });
    } catch (error) {
      this.#onError(error);
      return;
    }
    this.#dropOldest(this.#limits);
    this.#storeSoon();
  }

  /** The message that a socket asks for; `undefined` when it is not kept, or not for who asks. Never throws. */
  get(key: MessageKey): unknown {
    const { id, remoteJid, fromMe } = Object(key) as MessageKey;
    if (!this.#limits || this.#hasEnded || typeof id !== "string") return undefined;
    try {
      const found = this.#waiting.get(id) ?? this.#slots.find(id);
      // Nobody else gets it. Votes, and answers to events, are told of from the side of who gives them.
      if (!found || (fromMe && remoteJid && !this.#isSameChat(remoteJid, found.chat))) return undefined;
      return this.#baileys.proto.Message.decode(found.bytes);
    } catch (error) {
      this.#onError(error);
      return undefined;
    }
  }

  /** To be called right after a set of keys: what waits travels with it. */
  ride(): void {
    // One at a time: while the store is away, those that wait are few.
    if (!this.#isStoring && (this.#waiting.size > 0 || !this.isOn)) this.#store();
  }

  /** Stores what waits, and keeps nothing more. */
  end(): void {
    clearTimeout(this.#timer);
    while (this.#waiting.size > 0) this.#store();
    this.#hasEnded = true;
  }

  /** Stores some of what waits. */
  #store(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const changes = this.#slots.put(this.#takeSome());
    if (changes.length === 0) return;
    this.#isStoring = true;
    const done = (): void => {
      this.#isStoring = false;
      this.#storeSoon();
    };
    // Why it has failed, the records tell themselves.
    this.#records.set(changes).then(done, done);
  }

  #storeSoon(): void {
    if (this.#waiting.size === 0 || this.#isStoring || this.#hasEnded) return;
    this.#timer ??= setTimeout(() => this.#store(), RIDE_MS).unref();
  }

  *#takeSome(): Generator<SentMessage> {
    let left = MOST_AT_ONCE;
    for (const message of this.#waiting.values()) {
      left -= message.bytes.length;
      if (left < 0) return;
      this.#waiting.delete(message.id);
      yield message;
    }
  }

  /** Of those that wait: the store may be away for long. */
  #dropOldest({ maxMessages, maxBytes }: MessageLimits): void {
    const waiting = this.#waiting;
    let bytes = [...waiting.values()].reduce((sum, one) => sum + one.bytes.length, 0);
    for (const one of waiting.values()) {
      if (waiting.size <= maxMessages && bytes <= maxBytes) return;
      waiting.delete(one.id);
      bytes -= one.bytes.length;
    }
  }

  /** A person has a phone number and a LID; receipts name either, and a device. */
  #isSameChat(one: string, other: string): boolean {
    if (one === other) return true;
    const [first, second] = [parseJid(one), parseJid(other)];
    if (!first || !second || isGroup(first) || isGroup(second)) return false;
    if (first.user === second.user || first.server === second.server) return first.user === second.user;
    const mapped = this.#mapped(first.user) ?? this.#mapped(second.user);
    // Baileys 6 keeps no mappings.
    return mapped === undefined || mapped === first.user || mapped === second.user;
  }

  /** The LID of a phone number. */
  #mapped(user: string): unknown {
    const bytes = this.#records.get(recordKey("lid-mapping", user));
    return bytes && decodeValue(bytes, `lid-mapping ${user}`);
  }
}
