import { expect } from "vitest";
import type { Baileys, OpenState } from "./baileys.ts";
import { BaileysBot } from "./baileys-bot.ts";
import { startWhatsApp } from "./whatsapp-server/server.ts";

export interface LifeOfASocketOptions {
  baileys: Baileys;
  /** Opens the state of the bot; each socket of the life opens it again. */
  openState(): Promise<OpenState>;
}

/**
 * The life of a socket: it is linked, told to connect again, talks with a contact and in a group, ends, and comes back
 * from its state, to messages that came in meanwhile. No message is lost or unreadable, no sending counter and no pre-key
 * is used twice.
 */
export async function lifeOfASocket({ baileys, openState }: LifeOfASocketOptions): Promise<void> {
  const server = await startWhatsApp({ addressing: baileys.addressing });
  try {
    const anna = server.contact("5511988887777");
    const bruno = server.contact("5511977776666");
    const group = server.addGroup("Both", [anna, bruno]);
    const first = await BaileysBot.start({ baileys, server, openState });
    await first.link();

    for (const text of ["first of Anna's", "second of Anna's"]) {
      const sent = await anna.send(text);
      await Promise.all([sent.read(), first.received(text)]);
    }
    for (const text of ["first to Anna", "second to Anna"]) {
      await first.send(anna.pn, text);
      await anna.received(text);
    }
    const answer = await anna.send("Anna's answer");
    await Promise.all([answer.read(), first.received("Anna's answer")]);

    for (const text of ["first in the group", "second in the group"]) {
      const sent = await anna.send(text, { group });
      await Promise.all([sent.read(), first.received(text)]);
    }
    for (const text of ["first to the group", "second to the group"]) {
      await first.send(group.jid, text);
      await Promise.all([anna.received(text), bruno.received(text)]);
    }
    await first.end();

    const meanwhile = await anna.send("meanwhile");
    const inTheGroup = await bruno.send("meanwhile in the group", { group });
    const second = await BaileysBot.start({ baileys, server, openState });
    await second.events.until("open");
    await Promise.all([meanwhile.read(), inTheGroup.read()]);
    await second.send(anna.pn, "third to Anna");
    await second.send(group.jid, "third to the group");
    await Promise.all([anna.received("third to Anna"), bruno.received("third to the group")]);
    const last = await anna.send("last of Anna's");
    // Baileys 6.7 tells of what has come in meanwhile together with the next message.
    for (const text of ["meanwhile", "meanwhile in the group", "last of Anna's"]) await second.received(text);
    await last.read();
    await second.end();

    expect(second.events.all("qr")).toEqual([]);
    expect(server.traffic).toMatchObject({ retries: [], unreadable: [], unknown: [] });
    expect(server.traffic.reusedCounters()).toEqual([]);
    expect(server.traffic.reusedPreKeys()).toEqual([]);
  } finally {
    await server.close();
  }
}
