import { createHash } from "node:crypto";
import { jidEncode, type proto } from "baileys";
import { EventLog } from "../events.ts";
import { type Sealed, SignalPeer } from "./signal-peer.ts";
import type { Traffic } from "./traffic.ts";

/** A message of a client, as it comes to a person. */
export interface Incoming {
  id: string;
  /** The LID of the device that has sent it. */
  from: string;
  /** The address that it was sent to: the person's or a group's. */
  chat: string;
  /** In order; in a group the key may come before the message. */
  parts: Sealed[];
}

/** Somebody with a phone, which is the first device of the account and keeps its keys in memory. */
export class Person {
  /** `5511900000001@s.whatsapp.net` */
  readonly pn: string;
  /** `100000000000001@lid` */
  readonly lid: string;
  readonly peer: SignalPeer = new SignalPeer();
  /** The texts that have come in, by which the events are named. */
  readonly inbox: EventLog = new EventLog();
  readonly #traffic: Traffic;
  #last: Promise<unknown> = Promise.resolve();

  /** @param number the phone number, digits only */
  constructor(number: string, traffic: Traffic) {
    this.pn = jidEncode(number, "s.whatsapp.net");
    this.lid = jidEncode(lidOf(number), "lid");
    this.#traffic = traffic;
  }

  /** Resolves once a message with this text has come in. */
  async received(text: string): Promise<void> {
    await this.inbox.until(text);
  }

  /** Reads a message. @returns whether it could be read */
  receive({ id, from, chat, parts }: Incoming): Promise<boolean> {
    return this.inOrder(async () => {
      try {
        for (const part of parts) {
          const text = textOf(await this.peer.open(from, part, chat));
          if (text !== undefined) this.inbox.add(text, [{ id, from, chat }]);
        }
        return true;
      } catch (error) {
        this.#traffic.addUnreadable(id, error);
        return false;
      }
    });
  }

  /** Does the work after what was handed in before. */
  protected inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** Fifteen digits that depend on the number alone. */
function lidOf(number: string): string {
  const digits = createHash("sha256").update(number).digest().readUIntBE(0, 6) % 1e14;
  return String(1e14 + digits);
}

function textOf({ deviceSentMessage, conversation, extendedTextMessage }: proto.IMessage): string | undefined {
  if (deviceSentMessage?.message) return textOf(deviceSentMessage.message);
  return conversation || extendedTextMessage?.text || undefined;
}
