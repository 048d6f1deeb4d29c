import { type BinaryNode, jidEncode } from "baileys";
import { userOf } from "./companion.ts";
import type { Addressing } from "./network.ts";
import { node, seconds } from "./nodes.ts";
import type { Person } from "./person.ts";

/** A group of people. */
export class Group {
  /** `120363000000000001@g.us` */
  readonly jid: string;
  readonly subject: string;
  /** The first one has made it. */
  readonly members: readonly [Person, ...Person[]];

  constructor(user: string, subject: string, members: readonly [Person, ...Person[]]) {
    this.jid = jidEncode(user, "g.us");
    this.subject = subject;
    this.members = members;
  }

  /** What a client gets that asks for the group. */
  metadata(addressing: Addressing): BinaryNode {
    const [creator] = this.members;
    const attrs = {
      id: userOf(this.jid),
      subject: this.subject,
      creation: seconds(),
      s_t: seconds(),
      creator: creator[addressing],
      s_o: creator[addressing],
      addressing_mode: addressing,
    };
    const participants = this.members.map((member) =>
      node("participant", {
        jid: member[addressing],
        type: member === creator ? "superadmin" : undefined,
        ...(addressing === "lid" ? { phone_number: member.pn } : { lid: member.lid }),
      }),
    );
    return node("group", attrs, participants);
  }
}
