import {
  type BinaryNode,
  encodeBigEndian,
  getAllBinaryNodeChildren,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  KEY_BUNDLE_TYPE,
  S_WHATSAPP_NET,
} from "baileys";
import { type Companion, userOf } from "./companion.ts";
import { bundleNodes, childBytes, readPreKeys, readSignedPreKey } from "./key-bundle.ts";
import { companionAt, type Network } from "./network.ts";
import { node } from "./nodes.ts";
import { Phone } from "./phone.ts";

type Answer = (network: Network, companion: Companion, request: BinaryNode) => BinaryNode[];

/** What the server answers, by namespace, kind and first child of an `iq`. */
const answers: Record<string, Answer> = {
  "encrypt get count": (_, { preKeyCount }) => [node("count", { value: String(preKeyCount) })],
  "encrypt get digest": (_, { registered }) => [
    node("digest", {}, [
      node("registration", {}, encodeBigEndian(registered.registrationId)),
      node("type", {}, KEY_BUNDLE_TYPE),
      node("identity", {}, registered.identity),
    ]),
  ],
  "encrypt get key": keysOf,
  "encrypt set registration": (_, companion, request) => {
    companion.addPreKeys(readPreKeys(request));
    companion.registered.signedPreKey = readSignedPreKey(request);
    return [];
  },
  "encrypt set rotate": (_, companion, request) => {
    companion.registered.signedPreKey = readSignedPreKey(childOf(request, "rotate"));
    return [];
  },
  "passive set active": () => [],
  "w:p get ping": () => [],
  "abt get props": () => [node("props", { hash: "1" })],
  "w get props": () => [node("props", { hash: "1" })],
  "blocklist get ": () => [node("list")],
  "privacy get privacy": () => [node("privacy", {}, [node("category", { name: "readreceipts", value: "all" })])],
  "privacy set tokens": () => [],
  "urn:xmpp:whatsapp:dirty set clean": () => [],
  "w:stats set add": () => [],
  "w:g2 get query": (network, _, { attrs }) => {
    const group = network.group(attrs.to ?? "");
    return group ? [group.metadata(network.addressing)] : [node("error", { code: "404", text: "item-not-found" })];
  },
  "w:sync:app:state set sync": (_network, _companion, request) => [
    node(
      "sync",
      {},
      getBinaryNodeChildren(childOf(request, "sync"), "collection").map(({ attrs }) =>
        node("collection", { name: attrs.name, version: attrs.version ?? "0" }),
      ),
    ),
  ],
  "usync get usync": usersOf,
};

/** Answers a request of a linked device. */
export function answer(network: Network, companion: Companion, request: BinaryNode): BinaryNode {
  const { id, xmlns, type } = request.attrs;
  const name = `${xmlns} ${type} ${getAllBinaryNodeChildren(request)[0]?.tag ?? ""}`;
  network.traffic.events.add(name, []);
  const known = answers[name];
  if (!known) network.traffic.unknown.push(name);
  const content = known?.(network, companion, request) ?? [];
  const isError = content[0]?.tag === "error";
  return node("iq", { id, from: request.attrs.to ?? S_WHATSAPP_NET, type: isError ? "error" : "result" }, content);
}

/** The keys of the devices that a client begins sessions with. */
function keysOf(network: Network, _: Companion, request: BinaryNode): BinaryNode[] {
  const users = getBinaryNodeChildren(childOf(request, "key"), "user").map(({ attrs: { jid = "" } }) => {
    const bundle = companionAt(network, jid)?.takeBundle() ?? network.person(userOf(jid))?.peer.bundle();
    return node("user", { jid }, bundle ? bundleNodes(bundle) : [node("error", { code: "404" })]);
  });
  return [node("list", {}, users)];
}

/** The users that a client asks for, with what it wants to know of each. */
function usersOf(network: Network, _: Companion, request: BinaryNode): BinaryNode[] {
  const usync = childOf(request, "usync");
  const asked = getAllBinaryNodeChildren(childOf(usync, "query")).map(({ tag }) => tag);
  const users = getBinaryNodeChildren(childOf(usync, "list"), "user").flatMap((user) => {
    const byNumber = getBinaryNodeChild(user, "contact");
    const name = user.attrs.jid ? userOf(user.attrs.jid) : childBytes(user, "contact").toString().replace("+", "");
    const person = network.person(name);
    if (!person) return [];
    const devices = [
      { id: "0" },
      ...devicesOf(person).map(({ device }) => ({ id: String(device), "key-index": String(device) })),
    ];
    const facts: Record<string, BinaryNode> = {
      devices: node("devices", {}, [
        node(
          "device-list",
          {},
          devices.map((device) => node("device", device)),
        ),
      ]),
      lid: node("lid", { val: person.lid }),
      contact: node("contact", { type: "in" }),
    };
    const jid = byNumber || !user.attrs.jid ? person.pn : user.attrs.jid;
    const isLid = jid.endsWith("@lid");
    const told = asked.filter((tag) => !(isLid && tag === "lid")).flatMap((tag) => facts[tag] ?? []);
    return [node("user", { jid }, told)];
  });
  return [node("usync", {}, [node("list", {}, users)])];
}

function devicesOf(person: unknown): readonly Companion[] {
  return person instanceof Phone ? person.companions : [];
}

function childOf(from: BinaryNode, tag: string): BinaryNode {
  const child = getBinaryNodeChild(from, tag);
  if (!child) throw new Error(`${from.tag}: no ${tag}`);
  return child;
}
