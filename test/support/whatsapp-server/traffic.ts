import { EventLog } from "../events.ts";
import { type ChainPlace, chainPlace } from "./sending-counter.ts";
import type { Sealed } from "./signal-peer.ts";

/** A ciphertext that a client has sent. */
export interface SentCiphertext extends ChainPlace {
  /** The device that has sent it. */
  from: string;
  /** The device or the group that it is for. */
  to: string;
  type: Sealed["type"];
  messageId: string;
}

/** A pre-key that a client has uploaded. */
export interface UploadedPreKey {
  device: string;
  id: number;
  /** In Base64. */
  key: string;
}

/** What the clients of a server have done, for tests to look at afterwards. */
export class Traffic {
  readonly sent: SentCiphertext[] = [];
  readonly preKeys: UploadedPreKey[] = [];
  /** Ids of messages that a client could not read and asked for again. */
  readonly retries: string[] = [];
  /** Messages of clients that their recipient could not read. */
  readonly unreadable: { messageId: string; error: unknown }[] = [];
  /** `retry`, `unreadable`, and each request by its name, such as `w:p get ping`. */
  readonly events: EventLog = new EventLog();
  /** Requests that the server does not know; it has answered them with an empty result. */
  readonly unknown: string[] = [];

  addSent(from: string, to: string, messageId: string, sealed: Sealed): void {
    this.sent.push({ from, to, messageId, type: sealed.type, ...chainPlace(sealed) });
  }

  addRetry(messageId: string): void {
    this.retries.push(messageId);
    this.events.add("retry", [messageId]);
  }

  addUnreadable(messageId: string, error: unknown): void {
    this.unreadable.push({ messageId, error });
    this.events.add("unreadable", [messageId]);
  }

  /** Ciphertexts at a place of a chain at which another one had been sent: the recipient can read only one of them. */
  reusedCounters(): SentCiphertext[] {
    const used = new Set<string>();
    return this.sent.filter((one) => {
      const place = `${one.from} ${one.to} ${one.chain} ${one.counter}`;
      if (used.has(place)) return true;
      used.add(place);
      return false;
    });
  }

  /** Pre-keys whose number the same device had given to another key. */
  reusedPreKeys(): UploadedPreKey[] {
    const first = new Map<string, string>();
    return this.preKeys.filter(({ device, id, key }) => {
      const name = `${device} ${id}`;
      const known = first.get(name);
      if (known === undefined) first.set(name, key);
      return known !== undefined && known !== key;
    });
  }
}
