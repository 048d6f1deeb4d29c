import { type BinaryNode, getAllBinaryNodeChildren, getBinaryNodeChild, getBinaryNodeChildren } from "baileys";
import { Companion, userOf } from "./companion.ts";
import { Contact, encNode } from "./contact.ts";
import { companionAt, type Network } from "./network.ts";
import { bytesOf, node, seconds } from "./nodes.ts";
import type { Person } from "./person.ts";
import type { Sealed } from "./signal-peer.ts";

type Recipient = Person | Companion;

/** Brings a message of a client to the devices that it is for, and the receipts of contacts back. */
export async function route(network: Network, from: Companion, stanza: BinaryNode): Promise<void> {
  const parts = new Map<Recipient, Sealed[]>();
  const add = (recipient: Recipient, sealed: Sealed): void => {
    // Baileys 7 counts its own device among the members of a group with LIDs.
    if (recipient !== from) parts.set(recipient, [...(parts.get(recipient) ?? []), sealed]);
  };
  const { id = "", to: chat = "", participant } = stanza.attrs;
  for (const to of getBinaryNodeChildren(getBinaryNodeChild(stanza, "participants"), "to")) {
    const jid = to.attrs.jid ?? "";
    for (const sealed of sealedIn(to)) {
      network.traffic.addSent(from.pn, jid, id, sealed);
      add(recipientAt(network, jid), sealed);
    }
  }
  for (const sealed of sealedIn(stanza)) {
    network.traffic.addSent(from.pn, participant ?? chat, id, sealed);
    for (const recipient of recipientsOf(network, participant ?? chat)) add(recipient, sealed);
  }
  await Promise.all([...parts].map(([recipient, sealed]) => bring(network, recipient, from, stanza, sealed)));
}

async function bring(
  network: Network,
  recipient: Recipient,
  from: Companion,
  stanza: BinaryNode,
  parts: Sealed[],
): Promise<void> {
  const { id = "", to: chat = "" } = stanza.attrs;
  const isGroup = chat.endsWith("@g.us");
  if (recipient instanceof Companion) {
    const attrs = {
      id,
      type: "text",
      t: seconds(),
      ...(isGroup ? { from: chat, participant: from.pn } : { from: from.pn }),
    };
    recipient.deliver(node("message", attrs, parts.map(encNode)));
  } else if ((await recipient.receive({ id, from: from.lid, chat, parts })) && recipient instanceof Contact) {
    const attrs = { id, from: chat, t: seconds(), participant: isGroup ? recipient[network.addressing] : undefined };
    from.deliver(node("receipt", attrs));
  }
}

function sealedIn(parent: BinaryNode): Sealed[] {
  return getAllBinaryNodeChildren(parent)
    .filter(({ tag }) => tag === "enc")
    .map((enc) => ({ type: enc.attrs.type as Sealed["type"], ciphertext: bytesOf(enc) }));
}

/** The devices that read what is sent to an address without a list of devices. */
function recipientsOf(network: Network, jid: string): Recipient[] {
  const group = network.group(jid);
  if (!group) return [recipientAt(network, jid)];
  const companions = network.phones
    .filter((phone) => group.members.includes(phone))
    .flatMap((phone) => phone.companions);
  return [...group.members, ...companions];
}

function recipientAt(network: Network, jid: string): Recipient {
  const recipient = companionAt(network, jid) ?? network.person(userOf(jid));
  if (!recipient) throw new Error(`a message to ${jid}, who is nobody`);
  return recipient;
}
