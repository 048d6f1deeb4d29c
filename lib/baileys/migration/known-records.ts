import { DOMAINS, HOSTED_DOMAINS, parseAddress, parseJid, STATUS } from "../jids.ts";
import type { AuthenticationCreds } from "../types.ts";
import type { AuthRecord } from "./auth-records.ts";
import { batches, type ReadableState } from "./readable-state.ts";

/** Names of the collections of the app state. */
const COLLECTIONS = ["critical_block", "critical_unblock_low", "regular_high", "regular_low", "regular"];
/** The device of a business that is hosted; its addresses have domains of their own. */
const HOSTED_DEVICE = "99";
/**
 * Pre-keys are looked for behind the last one that the credentials know of, until so many in a row are absent: a bot that
 * died before it had saved its credentials has made as many as a first upload has.
 */
const PRE_KEYS_AHEAD = 1_000;
/** A pre-key has an id of 24 bits. */
const MOST_PRE_KEYS = 2 ** 24;

/** Somebody, with a phone number and a LID: the devices are the same for both. */
interface Person {
  readonly users: Set<string>;
  readonly devices: Set<string>;
}

/** A jid's user and device. */
interface Device {
  readonly user: string;
  readonly device: string;
}

/**
 * Finds the records of a state that cannot list them: by the ids that its credentials tell of, and by those that the values
 * tell of which were found.
 */
export class KnownRecords {
  readonly #state: ReadableState;
  readonly #creds: AuthenticationCreds;
  readonly #batchSize: number;
  readonly #signal: AbortSignal | undefined;
  /** Of the families that are asked for. */
  readonly #asked = new Map<string, Set<string>>();
  readonly #waiting = new Map<string, string[]>();
  /** By phone number and by LID. */
  readonly #people = new Map<string, Person>();

  constructor(
    state: ReadableState,
    creds: AuthenticationCreds,
    { batchSize, signal }: { batchSize: number; signal: AbortSignal | undefined },
  ) {
    this.#state = state;
    this.#creds = creds;
    this.#batchSize = batchSize;
    this.#signal = signal;
  }

  /** @param families that are looked for */
  async find(families: readonly string[]): Promise<AuthRecord[]> {
    for (const type of families) {
      this.#asked.set(type, new Set());
      for (const id of (await this.#state.knownIds?.(type)) ?? []) this.#ask(type, id);
    }
    this.#askByCreds();
    const found = await this.#findWaiting();
    if (families.includes("pre-key")) found.push(...(await this.#findPreKeysAhead()));
    return found;
  }

  #askByCreds(): void {
    const { nextPreKeyId, myAppStateKeyId, me, signalIdentities, processedHistoryMessages } = this.#creds;
    for (let id = 1; id < Math.min(nextPreKeyId, MOST_PRE_KEYS); id++) this.#ask("pre-key", String(id));
    if (myAppStateKeyId) this.#ask("app-state-sync-key", myAppStateKeyId);
    for (const name of COLLECTIONS) this.#ask("app-state-sync-version", name);
    this.#ask("tctoken", "__index");
    this.#askGroup(STATUS);
    this.#askJid(me?.id);
    this.#askJid(me?.lid);
    for (const { identifier } of signalIdentities ?? []) this.#askJid(identifier?.name);
    for (const message of processedHistoryMessages ?? []) this.#askJid(message?.key?.remoteJid);
  }

  async #findWaiting(): Promise<AuthRecord[]> {
    const found: AuthRecord[] = [];
    for (;;) {
      const [type, ids] = [...this.#waiting].find(([, waiting]) => waiting.length > 0) ?? [];
      if (type === undefined || ids === undefined) return found;
      const some = ids.splice(0, this.#batchSize);
      this.#signal?.throwIfAborted();
      for (const [id, value] of await this.#state.get(type, some)) {
        found.push({ type, id, value });
        this.#learn(type, id, value);
      }
    }
  }

  async #findPreKeysAhead(): Promise<AuthRecord[]> {
    const found: AuthRecord[] = [];
    let from = Math.max(1, this.#creds.nextPreKeyId);
    for (;;) {
      const ids = Array.from({ length: Math.min(PRE_KEYS_AHEAD, MOST_PRE_KEYS - from) }, (_, at) => String(from + at));
      const before = found.length;
      for (const some of batches(ids, this.#batchSize)) {
        this.#signal?.throwIfAborted();
        for (const [id, value] of await this.#state.get("pre-key", some)) found.push({ type: "pre-key", id, value });
      }
      if (found.length === before) return found;
      from += ids.length;
    }
  }

  #ask(type: string, id: string): void {
    const asked = this.#asked.get(type);
    if (!asked || asked.has(id)) return;
    asked.add(id);
    const waiting = this.#waiting.get(type) ?? [];
    waiting.push(id);
    this.#waiting.set(type, waiting);
  }

  /** Asks for what a value tells of. */
  #learn(type: string, id: string, value: unknown): void {
    if (type === "lid-mapping") this.#link(id.replace(/_reverse$/, ""), String(value));
    if (type === "device-list" && Array.isArray(value)) {
      for (const device of value) this.#askDevice({ user: id, device: String(device) });
    }
    if (type === "tctoken" && id === "__index") for (const jid of indexOf(value)) this.#ask("tctoken", jid);
    if (type === "tctoken") this.#askJid(id);
    if (type === "session") this.#askUserOf(parseAddress(id));
    if (type === "sender-key-memory") {
      for (const jid of Object.keys(Object(value))) {
        this.#askJid(jid);
        const device = deviceOf(jid);
        if (device) this.#askSenderKey(id, device);
      }
      this.#askGroup(id);
    }
  }

  /** A group: who is known to be in it is the bot itself. */
  #askGroup(group: string): void {
    this.#ask("sender-key-memory", group);
    const own = [this.#creds.me?.id, this.#creds.me?.lid].map(deviceOf);
    for (const device of own) if (device) this.#askSenderKey(group, device);
  }

  #askSenderKey(group: string, { user, device }: Device): void {
    for (const domain of DOMAINS) this.#ask("sender-key", `${group}::${user}${domain}::${device}`);
  }

  #askJid(jid: unknown): void {
    this.#askUserOf(deviceOf(jid));
  }

  #askUserOf(device: Device | undefined): void {
    if (!device) return;
    this.#askUser(device.user);
    this.#askDevice(device);
  }

  #askUser(user: string): void {
    this.#ask("lid-mapping", user);
    this.#ask("lid-mapping", `${user}_reverse`);
    this.#ask("device-list", user);
    this.#askDevice({ user, device: "0" });
  }

  /** Two users are one person: either may have sessions with the devices that the other one is known to have. */
  #link(one: string, other: string): void {
    this.#askUser(one);
    this.#askUser(other);
    const [first, second] = [this.#personOf(one), this.#personOf(other)];
    if (first === second) return;
    const person = {
      users: new Set([...first.users, ...second.users]),
      devices: new Set([...first.devices, ...second.devices]),
    };
    for (const user of person.users) this.#people.set(user, person);
    for (const device of person.devices) this.#askAddresses(person, device);
  }

  #askDevice({ user, device }: Device): void {
    const person = this.#personOf(user);
    if (person.devices.has(device)) return;
    person.devices.add(device);
    this.#askAddresses(person, device);
  }

  #personOf(user: string): Person {
    const person = this.#people.get(user) ?? { users: new Set([user]), devices: new Set() };
    this.#people.set(user, person);
    return person;
  }

  /** An address is one of a phone number or of a LID. */
  #askAddresses({ users }: Person, device: string): void {
    const domains = device === HOSTED_DEVICE ? [...DOMAINS, ...HOSTED_DOMAINS] : DOMAINS;
    for (const user of users) {
      for (const domain of domains) {
        for (const type of ["session", "identity-key"]) this.#ask(type, `${user}${domain}.${device}`);
      }
    }
  }
}

function deviceOf(jid: unknown): Device | undefined {
  const { user, device = "0" } = parseJid(jid) ?? {};
  return user === undefined ? undefined : { user, device };
}

/** The jids that the index of tctokens has, as Baileys keeps it: a list in JSON, as the token. */
function indexOf(value: unknown): string[] {
  const { token } = Object(value) as { token?: unknown };
  if (!(token instanceof Uint8Array)) return [];
  try {
    const jids: unknown = JSON.parse(Buffer.from(token).toString("utf8"));
    return Array.isArray(jids) ? jids.filter((jid) => typeof jid === "string") : [];
  } catch {
    // Baileys takes it for an empty one, too.
    return [];
  }
}
