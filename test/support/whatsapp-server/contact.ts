import { type BinaryNode, encodeBigEndian, type proto } from "baileys";
import type { Companion } from "./companion.ts";
import type { Group } from "./group.ts";
import type { Network } from "./network.ts";
import { newId, node, seconds } from "./nodes.ts";
import { type Incoming, Person } from "./person.ts";
import type { Phone } from "./phone.ts";
import type { Sealed } from "./signal-peer.ts";

/** A message of a contact that is on its way to the clients. */
export interface Sent {
  id: string;
  /** Resolves once every client has said that it has read the message. Rejects when one could not. */
  read(): Promise<void>;
}

/** Where a contact writes to. */
export interface SendOptions {
  /** @default a chat of two */
  group?: Group;
  /** The account to whose devices it is sent. @default the server's own phone, in a group every member's */
  to?: Phone;
}

/** Somebody whom the clients write to, and who writes to them. */
export class Contact extends Person {
  readonly #name: string;
  readonly #network: Network;
  /** The devices that have this contact's key for a group, each with the group. */
  readonly #told = new Set<string>();
  /** Whether messages cannot be decrypted, as by a phone that has lost its sessions. */
  isUnable = false;

  constructor(number: string, network: Network) {
    super(number, network.traffic);
    this.#name = `Contact ${number}`;
    this.#network = network;
  }

  /**
   * Writes a text to all linked devices. A device that is offline gets it when it comes back.
   * @returns when the message is with the server
   */
  send(text: string, { group, to = this.#network.phone }: SendOptions = {}): Promise<Sent> {
    return this.inOrder(async () => {
      const id = newId();
      const accounts = group ? this.#network.phones.filter((phone) => group.members.includes(phone)) : [to];
      const companions = accounts.flatMap((phone) => phone.companions);
      const seal = group
        ? await this.#sealForGroup(group, { conversation: text })
        : async (companion: Companion) => [await this.#seal(companion, { conversation: text })];
      for (const companion of companions) {
        const parts = await seal(companion);
        companion.deliver(node("message", this.#attrs(id, group), parts.map(encNode)));
      }
      return { id, read: async () => void (await Promise.all(companions.map((one) => one.hasRead(id)))) };
    });
  }

  override async receive(incoming: Incoming): Promise<boolean> {
    if (!this.isUnable) return await super.receive(incoming);
    this.#network.traffic.addUnreadable(incoming.id, new Error("the sessions are lost"));
    return false;
  }

  /** Asks a device for a message again, as somebody who could not decrypt it. */
  askAgain(companion: Companion, id: string, { group }: Pick<SendOptions, "group"> = {}): void {
    const me = this[this.#network.addressing];
    const attrs = { id, from: group?.jid ?? me, type: "retry", t: seconds(), participant: group && me };
    const retry = node("retry", { v: "1", count: "1", id, t: seconds() });
    const registration = node("registration", {}, encodeBigEndian(this.peer.creds.registrationId));
    companion.deliver(node("receipt", attrs, [retry, registration]));
  }

  #seal(companion: Companion, message: proto.IMessage): Promise<Sealed> {
    return this.peer.seal(companion.lid, message, () => companion.takeBundle());
  }

  async #sealForGroup({ jid }: Group, message: proto.IMessage): Promise<(companion: Companion) => Promise<Sealed[]>> {
    const [sealed, keyMessage] = await this.peer.sealForGroup(jid, this.lid, message);
    return async (companion) => {
      const name = `${jid} ${companion.lid}`;
      if (this.#told.has(name)) return [sealed];
      this.#told.add(name);
      return [await this.#seal(companion, keyMessage), sealed];
    };
  }

  #attrs(id: string, group: Group | undefined): Record<string, string> {
    const { addressing } = this.#network;
    const other = addressing === "lid" ? "pn" : "lid";
    const sender: Record<string, string> = group
      ? { from: group.jid, participant: this[addressing], [`participant_${other}`]: this[other] }
      : { from: this[addressing], [`sender_${other}`]: this[other] };
    return { id, ...sender, addressing_mode: addressing, type: "text", t: seconds(), notify: this.#name };
  }
}

/** What a client gets of a sealed message. */
export function encNode({ type, ciphertext }: Sealed): BinaryNode {
  return node("enc", { v: "2", type }, ciphertext);
}
