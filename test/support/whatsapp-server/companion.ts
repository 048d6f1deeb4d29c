import { type BinaryNode, jidDecode, jidEncode, S_WHATSAPP_NET } from "baileys";
import { EventLog } from "../events.ts";
import type { Connection } from "./connection.ts";
import { type Ending, endingNode } from "./endings.ts";
import type { KeyBundle, PublicKey } from "./key-bundle.ts";
import { newId, node, seconds } from "./nodes.ts";
import type { Traffic } from "./traffic.ts";

/** The keys that a client has registered with. */
export interface Registered extends Omit<KeyBundle, "preKey"> {
  /** By this the server knows the device again when it logs in. */
  noiseKey: Buffer;
}

/** How a client has confirmed a stanza: with a receipt, with an `ack`, or by asking for it again. */
export type Confirmation = "receipt" | "ack" | "error" | "retry";

/** The server asks for more pre-keys when it has fewer of them. */
const FEW_PRE_KEYS = 5;

/** A linked device, as the server knows it: a client of the tests. */
export class Companion {
  /** Its address with the phone number of the account, `5511900000001:1@s.whatsapp.net`. */
  readonly pn: string;
  /** Its address with the account's LID, `100000000000001:1@lid`. */
  readonly lid: string;
  readonly device: number;
  readonly registered: Registered;
  /** `online`, `offline`, `pre-keys` for each upload, and for each confirmed stanza `confirmed <name>`. */
  readonly events: EventLog = new EventLog();
  readonly #traffic: Traffic;
  readonly #preKeys: PublicKey[] = [];
  readonly #unconfirmed = new Map<string, BinaryNode>();
  #connection: Connection | undefined;
  #isActive = false;
  #isAskedForPreKeys = false;

  constructor(account: { pn: string; lid: string }, device: number, registered: Registered, traffic: Traffic) {
    this.pn = jidEncode(userOf(account.pn), "s.whatsapp.net", device);
    this.lid = jidEncode(userOf(account.lid), "lid", device);
    this.device = device;
    this.registered = registered;
    this.#traffic = traffic;
  }

  /** How many unused pre-keys the server has. */
  get preKeyCount(): number {
    return this.#preKeys.length;
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** The device has logged in. An older connection of it ends: WhatsApp allows one. */
  connect(connection: Connection): void {
    this.end("replaced");
    this.#connection = connection;
  }

  /** Ends the connection, if there is one. */
  end(ending: Ending): void {
    const connection = this.#connection;
    this.disconnected(connection);
    if (ending === "dropped") connection?.drop();
    else connection?.end(endingNode(ending));
  }

  /** The connection has ended, unless the device has a newer one by now. */
  disconnected(connection: Connection | undefined): void {
    if (connection === undefined || connection !== this.#connection) return;
    this.#connection = undefined;
    this.#isActive = false;
    this.events.add("offline", []);
  }

  /** The client is ready: it gets what has come in meanwhile, and from now on everything at once. */
  activate(): void {
    const count = String(this.#unconfirmed.size);
    this.#connection?.send(node("ib", {}, [node("offline_preview", { count })]));
    for (const stanza of this.#unconfirmed.values()) {
      this.#connection?.send({ ...stanza, attrs: { ...stanza.attrs, offline: "0" } });
    }
    this.#connection?.send(node("ib", {}, [node("offline", { count })]));
    this.#isActive = true;
    this.events.add("online", []);
  }

  /** Sends a stanza as soon as the client is online, and again at each login until it is confirmed. */
  deliver(stanza: BinaryNode): void {
    this.#unconfirmed.set(stanzaName(stanza.tag, stanza.attrs), stanza);
    if (this.#isActive) this.#connection?.send(stanza);
  }

  /**
   * The client has confirmed a stanza.
   * @param attrs of the confirmation
   */
  confirm(tag: string, attrs: BinaryNode["attrs"], confirmation: Confirmation): void {
    const name = stanzaName(tag, attrs);
    if (confirmation === "retry") this.#traffic.addRetry(attrs.id ?? "");
    if (this.#unconfirmed.delete(name)) this.events.add(`confirmed ${name}`, [confirmation]);
  }

  /** Resolves once the client has said that it has read a message. Rejects when it has refused it or asked for it again. */
  async hasRead(id: string): Promise<void> {
    const { values } = await this.events.until(`confirmed ${stanzaName("message", { id })}`);
    if (values[0] !== "receipt") throw new Error(`${this.pn} has answered message ${id} with: ${values[0]}`);
  }

  addPreKeys(preKeys: readonly PublicKey[]): void {
    this.#isAskedForPreKeys = false;
    this.#preKeys.push(...preKeys);
    for (const { id, key } of preKeys) {
      this.#traffic.preKeys.push({ device: this.pn, id, key: key.toString("base64") });
    }
    this.events.add("pre-keys", [preKeys.length]);
  }

  /** The keys for a new session. Each pre-key is given away once. */
  takeBundle(): KeyBundle {
    const { noiseKey: _, ...keys } = this.registered;
    const preKey = this.#preKeys.shift();
    if (this.#preKeys.length < FEW_PRE_KEYS && !this.#isAskedForPreKeys) {
      this.#isAskedForPreKeys = true;
      const count = node("count", { value: String(this.#preKeys.length) });
      const attrs = { id: newId(), from: S_WHATSAPP_NET, type: "encrypt", t: seconds() };
      this.deliver(node("notification", attrs, [count]));
    }
    return { ...keys, preKey };
  }
}

/** The user of an address. */
export function userOf(jid: string): string {
  const user = jidDecode(jid)?.user;
  if (user === undefined) throw new Error(`no address: ${jid}`);
  return user;
}

/** A stanza's name among those of a client. The receipts of a group's members have one id. */
function stanzaName(tag: string, { id, participant }: BinaryNode["attrs"]): string {
  return tag === "receipt" && participant ? `${tag} ${id} ${participant}` : `${tag} ${id}`;
}
