import { DOMAINS, HOSTED_DOMAINS, isGroup, parseJid, STATUS } from "../baileys/jids.ts";

const USER = /^\d{5,20}$/;
const DEVICE = /^\d{1,4}$/;
/** Any device may be hosted. */
const ALL_DOMAINS = [...DOMAINS, ...HOSTED_DOMAINS];
/** How deep values are looked into. */
const DEEPEST = 6;
/** Ids of keys of the app state have two bytes, and four of a number that grows: how far from a known one others are tried. */
const KEYS_AROUND = 2_000;

/**
 * Ids that records of a session may have, as far as its values and its owner tell. They are many, and most are none: they
 * are to be looked up.
 */
export class Candidates {
  readonly #users = new Set<string>();
  readonly #devices = new Set(["0"]);
  readonly #groups = new Set([STATUS]);
  readonly #jids = new Set<string>();
  readonly #syncKeys = new Set<string>();

  /** Learns from the value of a record, whatever its id, or from the credentials. */
  learn(value: unknown): void {
    // The value of a mapping of LIDs is the number of a user, that of a list of devices has nothing but their numbers.
    if (typeof value === "string" && USER.test(value)) this.#users.add(value);
    const list = Array.isArray(value) ? value.map(String) : [];
    if (list.every((one) => DEVICE.test(one))) for (const device of list) this.#devices.add(device);
    this.#learnWithin(value, DEEPEST);
  }

  /** Learns from the id of a chat, a contact or a group. */
  learnJid(text: string): void {
    const jid = parseJid(text);
    if (!jid) return;
    this.#jids.add(text);
    if (isGroup(jid)) this.#groups.add(text);
    else this.#users.add(jid.user);
    if (jid.device !== undefined) this.#devices.add(jid.device);
  }

  /** Learns from the id of a key of the app state: others have one like it. */
  learnSyncKey(id: string): void {
    const known = Buffer.from(id, "base64");
    if (known.length !== 6) return;
    const number = known.readUInt32BE(2);
    for (let other = Math.max(0, number - KEYS_AROUND); other <= Math.min(number + KEYS_AROUND, 2 ** 32 - 1); other++) {
      const bytes = Buffer.from(known);
      bytes.writeUInt32BE(other, 2);
      this.#syncKeys.add(bytes.toString("base64"));
    }
  }

  /** Ids of a family; none of families whose ids are counted, or few. */
  *idsOf(type: string): Generator<string> {
    switch (type) {
      case "lid-mapping":
        for (const user of this.#users) yield* [user, `${user}_reverse`];
        return;
      case "device-list":
        return yield* this.#users;
      case "session":
      case "identity-key":
        return yield* this.#addresses(".");
      case "sender-key":
        for (const group of this.#groups) for (const address of this.#addresses("::")) yield `${group}::${address}`;
        return;
      case "sender-key-memory":
        return yield* this.#groups;
      case "tctoken":
        yield* this.#jids;
        for (const user of this.#users) yield* [`${user}@s.whatsapp.net`, `${user}@lid`];
        return;
      case "app-state-sync-key":
        return yield* this.#syncKeys;
    }
  }

  *#addresses(separator: string): Generator<string> {
    for (const user of this.#users) {
      for (const device of this.#devices) for (const domain of ALL_DOMAINS) yield user + domain + separator + device;
    }
  }

  #learnWithin(value: unknown, deep: number): void {
    if (typeof value === "string") this.learnJid(value);
    if (typeof value !== "object" || value === null || deep === 0) return;
    if (value instanceof Uint8Array) {
      this.#learnBytes(value, deep);
      return;
    }
    for (const [key, member] of Object.entries(value)) {
      this.learnJid(key);
      this.#learnWithin(member, deep - 1);
    }
  }

  /** The index of tctokens is a list of jids, as JSON in bytes. */
  #learnBytes(bytes: Uint8Array, deep: number): void {
    if (bytes[0] !== "[".charCodeAt(0)) return;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    try {
      this.#learnWithin(JSON.parse(text), deep - 1);
    } catch {
      // Other bytes that begin so.
    }
  }
}
