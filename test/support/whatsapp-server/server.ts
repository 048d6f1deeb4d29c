import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import {
  type BinaryNode,
  Curve,
  getAllBinaryNodeChildren,
  getBinaryNodeChild,
  type KeyPair,
  S_WHATSAPP_NET,
} from "baileys";
import { WebSocketServer } from "ws";
import { EventLog } from "../events.ts";
import { trustTestServers } from "./certificate.ts";
import { type Companion, userOf } from "./companion.ts";
import { Connection } from "./connection.ts";
import { Contact } from "./contact.ts";
import type { Ending } from "./endings.ts";
import { Group } from "./group.ts";
import { clientHasItsKeys, watchKeyDerivations } from "./key-derivations.ts";
import type { Addressing, Network } from "./network.ts";
import { node, seconds } from "./nodes.ts";
import type { ClientFinish } from "./noise.ts";
import type { CodeRequest } from "./pairing-code.ts";
import { PendingClient } from "./pending-client.ts";
import type { Person } from "./person.ts";
import { Phone } from "./phone.ts";
import { quietLibsignal } from "./quiet-libsignal.ts";
import { answer } from "./requests.ts";
import { route } from "./route.ts";
import { Traffic } from "./traffic.ts";

export interface WhatsAppOptions {
  /** @default "lid" */
  addressing?: Addressing;
}

/**
 * Starts a WhatsApp server in this process, for real sockets of Baileys: `makeWASocket({ waWebSocketUrl: server.url })`.
 * Contacts and the phone are in the server, with Signal sessions of their own. Sockets of another process have to call
 * `trustTestServers()`; those of Baileys 6 have to be in this process (see `clientHasItsKeys`).
 */
export async function startWhatsApp({ addressing = "lid" }: WhatsAppOptions = {}): Promise<WhatsAppServer> {
  const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise((resolve) => sockets.once("listening", resolve));
  return new WhatsAppServer(sockets, addressing);
}

export class WhatsAppServer implements Network {
  /** For the option `waWebSocketUrl` of a socket. */
  readonly url: string;
  readonly addressing: Addressing;
  readonly traffic: Traffic = new Traffic();
  readonly pending: Set<PendingClient> = new Set();
  readonly codeRequests: EventLog = new EventLog();
  readonly phones: Phone[] = [];
  readonly phone: Phone;
  readonly #sockets: WebSocketServer;
  readonly #keys: KeyPair = Curve.generateKeyPair();
  readonly #people = new Map<string, Person>();
  readonly #groups = new Map<string, Group>();
  readonly #companions = new Map<Connection, Companion>();
  readonly #introduced = new Set<Companion>();
  readonly #faults: unknown[] = [];
  readonly #undo = [trustTestServers(), quietLibsignal(), watchKeyDerivations()];

  constructor(sockets: WebSocketServer, addressing: Addressing) {
    this.#sockets = sockets;
    this.addressing = addressing;
    this.url = `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`;
    this.phone = this.addPhone("5511900000001");
    sockets.on("connection", (socket) => {
      new Connection(socket, this.#keys, {
        onClient: (connection, client) => this.#admit(connection, client),
        onNode: (connection, received) => this.#take(connection, received),
        onClosed: (connection) => this.#forget(connection),
        onFault: (fault) => void this.#faults.push(fault),
      });
    });
  }

  /**
   * Another phone, with an account of its own.
   * @param number digits only
   */
  addPhone(number: string): Phone {
    const phone = new Phone(number, this);
    this.phones.push(phone);
    this.#know(phone);
    return phone;
  }

  /**
   * Somebody who writes to the clients.
   * @param number digits only
   */
  contact(number: string): Contact {
    const known = this.person(number);
    if (known instanceof Contact) return known;
    const contact = new Contact(number, this);
    this.#know(contact);
    return contact;
  }

  /**
   * A new group of the phone and these contacts.
   * @param members at least one
   */
  addGroup(subject: string, members: readonly Person[]): Group {
    const group = new Group(`1203630000000${100 + this.#groups.size}`, subject, [this.phone, ...members]);
    this.#groups.set(group.jid, group);
    return group;
  }

  person(user: string): Person | undefined {
    return this.#people.get(user);
  }

  group(jid: string): Group | undefined {
    return this.#groups.get(jid);
  }

  /** Ends the connections of all linked devices. */
  disconnect(ending: Ending): void {
    for (const phone of this.phones) for (const companion of phone.companions) companion.end(ending);
  }

  /** Ends all connections. Rejects when the server did not know what to do with something that a client sent. */
  async close(): Promise<void> {
    for (const undo of this.#undo) undo();
    for (const socket of this.#sockets.clients) socket.terminate();
    await new Promise((resolve) => this.#sockets.close(resolve));
    if (this.#faults.length > 0)
      throw new AggregateError(this.#faults, `the server has failed: ${this.#faults.join("; ")}`);
  }

  #know(person: Person): void {
    this.#people.set(userOf(person.pn), person).set(userOf(person.lid), person);
  }

  /** A client that says who it is: a new one may be linked, a linked one is logged in if its key is the one of then. */
  async #admit(connection: Connection, { noiseKey, payload }: ClientFinish): Promise<void> {
    await clientHasItsKeys();
    if (!connection.isOpen) return;
    if (payload.devicePairingData) {
      const client = new PendingClient(connection, noiseKey, payload.devicePairingData);
      this.pending.add(client);
      client.offerPairing();
      return;
    }
    const phone = this.person(String(payload.username));
    const companions = phone instanceof Phone ? phone.companions : [];
    const companion = companions.find(({ device }) => device === payload.device);
    if (!companion?.registered.noiseKey.equals(noiseKey)) {
      connection.end(node("failure", { reason: "401", location: "test" }));
      return;
    }
    this.#companions.set(connection, companion);
    companion.connect(connection);
    connection.send(node("success", { t: seconds(), lid: companion.lid }));
    const routing = node("edge_routing", {}, [node("routing_info", {}, randomBytes(6))]);
    connection.send(node("ib", {}, [routing]));
  }

  async #take(connection: Connection, received: BinaryNode): Promise<void> {
    const companion = this.#companions.get(connection);
    const { tag, attrs } = received;
    if (!companion) {
      this.#takeCodeRequest(connection, received);
      return;
    }
    if (tag === "iq") {
      await this.#answer(connection, companion, received);
    } else if (tag === "message") {
      connection.send(node("ack", { class: "message", id: attrs.id, from: attrs.to, t: seconds() }));
      await route(this, companion, received);
    } else if (tag === "receipt") {
      companion.confirm("message", attrs, attrs.type === "retry" ? "retry" : "receipt");
      connection.send(node("ack", { class: "receipt", id: attrs.id, from: attrs.to, type: attrs.type }));
    } else if (tag === "ack") {
      companion.confirm(attrs.class ?? "", attrs, attrs.error ? "error" : "ack");
    }
  }

  async #answer(connection: Connection, companion: Companion, request: BinaryNode): Promise<void> {
    const child = getAllBinaryNodeChildren(request)[0]?.tag;
    if (child === "remove-companion-device") {
      this.phones.find(({ companions }) => companions.includes(companion))?.unlink(companion);
      return;
    }
    connection.send(answer(this, companion, request));
    if (child !== "active") return;
    companion.activate();
    if (this.#introduced.has(companion)) return;
    this.#introduced.add(companion);
    await this.phones.find(({ companions }) => companions.includes(companion))?.introduce(companion);
  }

  /** Something that a client without a phone asks of the phone with its number, which is to be linked by a code. */
  #takeCodeRequest(connection: Connection, received: BinaryNode): void {
    const request = getBinaryNodeChild(received, "link_code_companion_reg");
    const client = [...this.pending].find((one) => one.connection === connection);
    if (!client || !request) return;
    connection.send(node("iq", { id: received.attrs.id, from: S_WHATSAPP_NET, type: "result" }));
    const { jid, stage } = request.attrs;
    this.codeRequests.add(`${jid} ${stage}`, [{ client, request } satisfies CodeRequest]);
  }

  #forget(connection: Connection): void {
    this.#companions.get(connection)?.disconnected(connection);
    this.#companions.delete(connection);
    for (const client of this.pending) if (client.connection === connection) this.pending.delete(client);
  }
}
