import * as baileys from "baileys";
import type { VaultAuthState } from "../../../lib/baileys/index.ts";
import type { Vault } from "../../../lib/vault/vault.ts";
import { FakeSocket } from "./states.ts";

export const ANNA = "5511988887777@s.whatsapp.net";
export const GROUP = "1203630000000100@g.us";

/** A socket that sends texts. */
export class SendingSocket extends FakeSocket {
  async sendMessage(remoteJid: string, { text }: { text: string }): Promise<object> {
    const message = baileys.proto.Message.create({ conversation: text });
    return { key: { id: idOf(text), remoteJid, fromMe: true }, message };
  }

  async relayMessage(_jid: string, _message: object, { messageId }: { messageId: string }): Promise<string> {
    return messageId;
  }
}

/** The id of the message with this text. */
export function idOf(text: string): string {
  return `3EB0 ${text}`;
}

/** Binds a socket, which sends these texts. */
export async function send(state: VaultAuthState, texts: readonly string[], jid: string = ANNA): Promise<void> {
  const socket = new SendingSocket();
  state.bind(socket);
  for (const text of texts) await socket.sendMessage(jid, { text });
}

/** The texts among these that are kept. */
export async function kept(
  { getMessage }: VaultAuthState,
  texts: readonly string[],
  remoteJid: string = ANNA,
): Promise<string[]> {
  const found = await Promise.all(texts.map((text) => getMessage({ id: idOf(text), remoteJid, fromMe: true })));
  return found.flatMap((message) => message?.conversation ?? []);
}

/** A message as protobuf. */
export function encoded(message: object): Buffer {
  return Buffer.from(baileys.proto.Message.encode(message).finish());
}

/** How many records of the session `bot` are messages. */
export async function recordsOf(store: Vault): Promise<number> {
  const keys = [...((await store.peekRecords({ session: "Baileys-bot" }))?.keys() ?? [])];
  return keys.filter((key) => key.startsWith("message-")).length;
}
