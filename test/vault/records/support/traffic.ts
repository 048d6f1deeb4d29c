import { randomBytes } from "node:crypto";
import type { RecordChange } from "../../../../lib/vault/records/record-bytes.ts";
import { Random } from "../../support/schedule/random.ts";

/** How large a bot is. */
export interface BotSize {
  readonly contacts: number;
  readonly groups: number;
  /** Messages that it has sent and received so far. */
  readonly messages: number;
}

/** Turns after which a session grows no more, and messages after which a sender key of a bot does not. */
const MOST_TURNS = 1_000;
const MOST_MESSAGES = 2_000;
/** Members of a group that write. */
const SENDERS = 20;
/** Of all messages, those that the bot sends to a group, and those to or from one contact. */
const GROUP_SHARE = 0.1;
const CONTACT_SHARE = 0.6;

/**
 * What the socket of a bot sets, with the sizes that were measured: a session has 0.9 KB and grows by 105 bytes a turn; a
 * sender key of the bot grows by 222 bytes a message, one of somebody else hardly does; whoever writes for the first time
 * brings a session, an identity and small ones, and takes a pre-key away. Some contacts and groups write much more than
 * others. The bytes are random: nothing of them can be compressed.
 */
export class Traffic {
  readonly #random: Random;
  readonly #size: BotSize;
  readonly #turns: number[] = [];
  readonly #messages: number[] = [];
  #preKey = 0;

  constructor(size: BotSize, seed = 1) {
    this.#size = size;
    this.#random = new Random(seed);
  }

  /** The records of a bot that has run for some time, in sets. */
  *history(): Generator<RecordChange[]> {
    yield this.#preKeys(812);
    const { contacts, groups, messages } = this.#size;
    for (let group = 0; group < groups; group++) {
      this.#messages[group] = Math.floor(GROUP_SHARE * messages * shareOf(group, groups));
      yield [this.#ownKey(group), [`sender-key-memory ${group}`, randomBytes(600)]];
      for (let sender = 0; sender < SENDERS; sender++) yield [this.#senderKey(group, sender)];
    }
    for (let contact = 0; contact < contacts; contact++) {
      yield this.#firstContact(Math.floor(CONTACT_SHARE * messages * shareOf(contact, contacts)));
    }
  }

  /** What the next message brings: one set. */
  next(): RecordChange[] {
    const contact = this.#often(this.#turns.length);
    const group = this.#often(this.#size.groups);
    const what = this.#random.next();
    if (what < 0.02) return this.#firstContact(0);
    if (what < 0.03) return [["creds", randomBytes(1_700)]];
    if (what < 0.031) return this.#preKeys(5);
    if (what < 0.3) return [this.#senderKey(group, this.#random.below(SENDERS))];
    if (what < 0.3 + GROUP_SHARE) {
      this.#messages[group] = (this.#messages[group] ?? 0) + 1;
      return [this.#ownKey(group)];
    }
    this.#turns[contact] = (this.#turns[contact] ?? 0) + 1;
    return [this.#session(contact)];
  }

  #firstContact(turns: number): RecordChange[] {
    const contact = this.#turns.push(turns) - 1;
    return [
      this.#session(contact),
      [`identity-key ${contact}`, randomBytes(71)],
      [`lid-mapping ${contact}`, randomBytes(16)],
      [`lid-mapping ${contact}_reverse`, randomBytes(16)],
      [`device-list ${contact}`, randomBytes(10)],
      [`tctoken ${contact}`, randomBytes(107)],
      [`pre-key ${this.#random.below(this.#preKey)}`, undefined],
    ];
  }

  #session(contact: number): RecordChange {
    return [`session ${contact}.0`, randomBytes(900 + 105 * Math.min(this.#turns[contact] ?? 0, MOST_TURNS))];
  }

  #ownKey(group: number): RecordChange {
    return [`sender-key ${group} me`, randomBytes(300 + 222 * Math.min(this.#messages[group] ?? 0, MOST_MESSAGES))];
  }

  #senderKey(group: number, sender: number): RecordChange {
    return [`sender-key ${group} ${sender}`, randomBytes(600)];
  }

  #preKeys(count: number): RecordChange[] {
    return Array.from({ length: count }, (): RecordChange => [`pre-key ${this.#preKey++}`, randomBytes(164)]);
  }

  /** One of `count`: the first ones often. */
  #often(count: number): number {
    return Math.floor(count * this.#random.next() ** 3);
  }
}

/** The share of all messages that the one with this index has, of `count`. */
function shareOf(index: number, count: number): number {
  return Math.cbrt((index + 1) / count) - Math.cbrt(index / count);
}
