/** An address of WhatsApp, in its parts. */
export interface Jid {
  /** A phone number, a LID, or the name of a group. */
  readonly user: string;
  /** Absent when it names no device: the first one, or a group. */
  readonly device: string | undefined;
  readonly server: string;
}

/** Where statuses are posted to: a chat whose name is known. */
export const STATUS = "status@broadcast";
/** What follows the user in an address of Signal: of a phone number, and of a LID. */
export const DOMAINS: readonly string[] = ["", "_1"];
/** The same of devices that are hosted. */
export const HOSTED_DOMAINS: readonly string[] = ["_128", "_129"];

/** `<user>[_<domain>][:<device>]@<server>`. */
const JID = /^([^:@_\s]+)(?:_\d+)?(?::(\d+))?@([a-z.]+)$/;
/** `<user>[_<domain>].<device>`: the id of a session, and of the key of an identity. */
const ADDRESS = /^([^.:@_\s]+)(?:_\d+)?\.(\d+)$/;
/** By server, how the user of a jid names a person. */
const PERSONAL_SERVERS: ReadonlyMap<string, "number" | "lid"> = new Map([
  ["s.whatsapp.net", "number"],
  ["c.us", "number"],
  ["hosted", "number"],
  ["lid", "lid"],
  ["hosted.lid", "lid"],
]);
/** Servers of chats that have several members. */
const GROUP_SERVERS = ["g.us", "broadcast"];

/** The parts of a jid; `undefined` when it is none. */
export function parseJid(jid: unknown): Jid | undefined {
  const [, user, device, server] = (typeof jid === "string" && JID.exec(jid)) || [];
  return user === undefined || server === undefined ? undefined : { user, device, server };
}

/** User and device of an address of Signal; `undefined` when it is none. */
export function parseAddress(address: string): { user: string; device: string } | undefined {
  const [, user, device] = ADDRESS.exec(address) ?? [];
  return user === undefined || device === undefined ? undefined : { user, device };
}

/** Whether it is a chat of several members. */
export function isGroup({ server }: Jid): boolean {
  return GROUP_SERVERS.includes(server);
}

/** Whether the user of a jid is a phone number or a LID; `undefined` when it is neither, as in groups and newsletters. */
export function personalKind({ server }: Jid): "number" | "lid" | undefined {
  return PERSONAL_SERVERS.get(server);
}
