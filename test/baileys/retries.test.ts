import { afterEach, describe, expect, it } from "vitest";
import { useVaultAuthState } from "../../lib/baileys/index.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { type Baileys, baileys, baileysVersions } from "../support/baileys.ts";
import { BaileysBot } from "../support/baileys-bot.ts";
import { everything } from "../support/traces.ts";
import { expectWarning } from "../support/warnings.ts";
import type { Companion } from "../support/whatsapp-server/companion.ts";
import { startWhatsApp, type WhatsAppServer } from "../support/whatsapp-server/server.ts";

expectWarning(/Waiting up to/);

let server: WhatsAppServer;
let bots: BaileysBot[] = [];

afterEach(async () => {
  await Promise.all(bots.map((bot) => bot.end()));
  await server.close();
  bots = [];
});

/** A bot that keeps what it sends, as the session `bot` of a store with these blobs. It ends with the test at the latest. */
async function startBot(release: Baileys, blobs: MemoryBlobs): Promise<BaileysBot> {
  const store = new Vault({ blobs, leaseTtlMs: 1_000 });
  const openState = () => useVaultAuthState({ store, session: "bot", baileys: release, messageStore: true });
  const bot = await BaileysBot.start({ baileys: release, server, openState });
  bots.push(bot);
  return bot;
}

/** What a process that is killed now leaves behind. */
async function copyOf(blobs: MemoryBlobs): Promise<MemoryBlobs> {
  const left = new MemoryBlobs();
  for (const [key, bytes] of await everything(blobs, "Baileys-bot")) await left.put(key, bytes);
  return left;
}

describe.each(baileysVersions)(
  "messages that were sent by a socket of Baileys %s, and could not be decrypted",
  (version) => {
    it("are sent again after the bot was killed, to a contact and in a group", async () => {
      const release = await baileys(version);
      server = await startWhatsApp({ addressing: release.addressing });
      const anna = server.contact("5511988887777");
      const bruno = server.contact("5511977776666");
      const group = server.addGroup("Both", [anna]);
      const blobs = new MemoryBlobs();
      const killed = await startBot(release, blobs);
      await killed.link();
      const [companion] = server.phone.companions as [Companion];
      anna.isUnable = true;
      const sent = new Map<string, string>();
      for (const jid of [anna.pn, group.jid]) {
        const message = await killed.sock.sendMessage(jid, { text: `to ${jid}` });
        sent.set(jid, message?.key.id ?? "");
      }
      await server.traffic.events.until("unreadable", undefined, 2);
      // Their records travel with the keys of the next one.
      await killed.send(anna.pn, "the last one");
      server.disconnect("dropped");
      await killed.events.until("close");

      const next = await startBot(release, await copyOf(blobs));
      await next.events.until("open");
      anna.isUnable = false;
      // It was not sent to Bruno.
      bruno.askAgain(companion, sent.get(anna.pn) ?? "");
      anna.askAgain(companion, sent.get(anna.pn) ?? "");
      await anna.received(`to ${anna.pn}`);
      anna.askAgain(companion, sent.get(group.jid) ?? "", { group });
      await anna.received(`to ${group.jid}`);
      expect(bruno.inbox.seen).toEqual([]);
      expect(server.traffic.reusedCounters()).toEqual([]);
    });
  },
);
