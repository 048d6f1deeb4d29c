import { base64, bytes, contactId, contactRecords, preKey, type RecordSet, session } from "./sample-records.ts";

/** What a bot has to do with. */
export interface BotTrafficOptions {
  readonly contacts: number;
  readonly groups: number;
  /** After so many messages all contacts have written. */
  readonly messages: number;
}

/** Sizes as those of real sockets of 7.0.0-rc14, in bytes. */
const SESSION = { first: 900, turn: 105, turns: 1_000 };
const OWN_SENDER_KEY = { first: 400, message: 222, messages: 2_000 };
const FOREIGN_SENDER_KEY = { usual: 600, skipped: 222_000 };
const INDEX_OF_TOKENS = 29;
const APP_STATE_OF_CONTACT = 130;
const PRE_KEYS_AT_ONCE = 5;
const FIRST_PRE_KEYS = 812;
const MEMBERS = 20;
/** One message of so many comes after many that were missed. */
const SKIPS = 2_000;

/**
 * The sets of the socket of a bot, one after the other: of 100 messages 60 come from contacts, 20 go to them, 15 come in
 * groups, and 5 go to groups. Sessions and sender keys grow as they do. The same each time, but for the values.
 */
export class BotTraffic {
  readonly #options: BotTrafficOptions;
  readonly #turns: number[] = [];
  readonly #sentToGroup = new Map<number, number>();
  readonly #groupMemory = new Map<number, object>();
  #random = 1;
  #messages = 0;
  #nextPreKey = FIRST_PRE_KEYS + 1;
  #usedPreKeys = 0;

  constructor(options: BotTrafficOptions) {
    this.#options = options;
  }

  /** How many contacts have written so far. */
  get contacts(): number {
    return this.#turns.length;
  }

  /** The first set: the pre-keys of a new device. */
  first(): RecordSet {
    return { "pre-key": Object.fromEntries(Array.from({ length: FIRST_PRE_KEYS }, (_, id) => [id + 1, preKey()])) };
  }

  /** The sets of the next message. */
  message(): RecordSet[] {
    const { contacts, messages } = this.#options;
    this.#messages++;
    const known = this.#turns.length;
    if (known < contacts && known * messages <= this.#messages * contacts) return this.#newContact();
    const kind = this.#number(100);
    if (kind < 80) return [this.#turn()];
    return kind < 95 ? [this.#fromGroup()] : [this.#toGroup()];
  }

  /** What a daily resync of the app state sets. */
  appState(): RecordSet {
    const value = {
      version: this.#messages,
      hash: base64(172),
      indexValueMap: base64(APP_STATE_OF_CONTACT * this.#turns.length),
    };
    return { "app-state-sync-version": { regular_low: value } };
  }

  /** A session, the index of all tokens, and the pre-key that was used; now and then more pre-keys are uploaded. */
  #newContact(): RecordSet[] {
    const index = this.#turns.push(1) - 1;
    const records = contactRecords(index, SESSION.first);
    const tokens = { ...records.tctoken, __index: { token: bytes(INDEX_OF_TOKENS * this.#turns.length) } };
    const sets: RecordSet[] = [{ ...records, tctoken: tokens, "pre-key": { [++this.#usedPreKeys]: null } }];
    if (index % PRE_KEYS_AT_ONCE === 0) {
      const ids = Array.from({ length: PRE_KEYS_AT_ONCE }, () => this.#nextPreKey++);
      sets.push({ "pre-key": Object.fromEntries(ids.map((id) => [id, preKey()])) });
    }
    return sets;
  }

  /** A message of a contact or to one: some write much more than others. */
  #turn(): RecordSet {
    const index = Math.floor(this.#turns.length * (this.#number(1_000) / 1_000) ** 2);
    const turns = Math.min((this.#turns[index] ?? 0) + 1, SESSION.turns);
    this.#turns[index] = turns;
    return { session: { [contactId(index)]: session(SESSION.first + SESSION.turn * turns) } };
  }

  #fromGroup(): RecordSet {
    const id = `${this.#group()}@g.us::${contactId(this.#number(MEMBERS))}`;
    const { skipped, usual } = FOREIGN_SENDER_KEY;
    return { "sender-key": { [id]: bytes(this.#number(SKIPS) === 0 ? skipped : usual) } };
  }

  /** The own key of the group, and who has it, which hardly ever changes. */
  #toGroup(): RecordSet {
    const group = this.#group();
    const sent = Math.min((this.#sentToGroup.get(group) ?? 0) + 1, OWN_SENDER_KEY.messages);
    this.#sentToGroup.set(group, sent);
    const memory =
      this.#groupMemory.get(group) ??
      Object.fromEntries(Array.from({ length: MEMBERS }, (_, member) => [contactId(member), true]));
    this.#groupMemory.set(group, memory);
    return {
      "sender-key": { [`${group}@g.us::me`]: bytes(OWN_SENDER_KEY.first + OWN_SENDER_KEY.message * sent) },
      "sender-key-memory": { [`${group}@g.us`]: memory },
    };
  }

  #group(): number {
    return 120_363_000_000_000 + this.#number(this.#options.groups);
  }

  /** A whole number below `limit`. */
  #number(limit: number): number {
    this.#random = (this.#random * 48_271) % 0x7fffffff;
    return this.#random % limit;
  }
}
