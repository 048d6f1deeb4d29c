import { afterEach, describe, expect, it } from "vitest";
import { MemoryBlobs, MemoryStore } from "../../adapters/memory.ts";
import { useVaultAuthState, type VaultAuthState } from "../../lib/baileys/index.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { type Baileys, baileys, baileysVersions } from "../support/baileys.ts";
import { BaileysBot } from "../support/baileys-bot.ts";
import { onlyLong } from "../support/length.ts";
import { lifeOfASocket } from "../support/life-of-a-socket.ts";
import { everything } from "../support/traces.ts";
import { expectWarning } from "../support/warnings.ts";
import { startWhatsApp, type WhatsAppServer } from "../support/whatsapp-server/server.ts";

expectWarning(/Waiting up to/);

let server: WhatsAppServer | undefined;
let bots: BaileysBot[] = [];

afterEach(async () => {
  await Promise.all(bots.map((bot) => bot.end()));
  await server?.close();
  bots = [];
  server = undefined;
});

/** A bot on the session `bot` of a store. It ends with the test at the latest. */
async function startBot(release: Baileys, on: WhatsAppServer, store: Vault): Promise<BaileysBot> {
  const bot = await BaileysBot.start({ baileys: release, server: on, openState: () => openBot(release, store) });
  bots.push(bot);
  return bot;
}

function vaultOn(blobs: MemoryBlobs): Vault {
  return new Vault({ blobs, leaseTtlMs: 1_000 });
}

function openBot(release: Baileys, store: Vault): Promise<VaultAuthState> {
  return useVaultAuthState({ store, session: "bot", baileys: release });
}

describe.each(baileysVersions)("useVaultAuthState, with sockets of Baileys %s", (version) => {
  it("lets a socket live that is bound to it", async () => {
    const release = await baileys(version);
    const store = new MemoryStore();
    await lifeOfASocket({ baileys: release, openState: () => openBot(release, store) });
  });
});

const [newest, ...older] = baileysVersions;
describe.each([newest, ...onlyLong(...older)])("useVaultAuthState, with sockets of Baileys %s", (version) => {
  it("lets a socket live whose credentials are saved by hand", async () => {
    const release = await baileys(version);
    const store = new MemoryStore();
    const openState = async () => {
      const { state, saveCreds, close } = await openBot(release, store);
      return { state, saveCreds, close };
    };
    await lifeOfASocket({ baileys: release, openState });
  });

  it("ends the socket when another state of this process takes the session, which goes on with it", async () => {
    const release = await baileys(version);
    server = await startWhatsApp({ addressing: release.addressing });
    const anna = server.contact("5511988887777");
    const store = new MemoryStore();
    const first = await startBot(release, server, store);
    await first.link();
    await (await anna.send("to the first")).read();
    await first.send(anna.pn, "from the first");
    await anna.received("from the first");

    const second = await startBot(release, server, store);
    expect((await first.events.until("close")).values).toEqual([440]);
    await second.events.until("open");
    await second.send(anna.pn, "from the second");
    await anna.received("from the second");
    await (await anna.send("to the second")).read();
    expect(server.traffic).toMatchObject({ retries: [], unreadable: [] });
    expect(server.traffic.reusedCounters()).toEqual([]);
  });

  it("lets a socket of another process go on where a killed one was", async () => {
    const release = await baileys(version);
    server = await startWhatsApp({ addressing: release.addressing });
    const anna = server.contact("5511988887777");
    const group = server.addGroup("Both", [anna]);
    const blobs = new MemoryBlobs();
    const killed = await startBot(release, server, vaultOn(blobs));
    await killed.link();
    await (await anna.send("to the killed one")).read();
    for (const to of [anna.pn, group.jid]) {
      await killed.send(to, `to ${to}`);
      await anna.received(`to ${to}`);
    }
    server.disconnect("dropped");
    await killed.events.until("close");
    // What a process that is killed now leaves behind. Its lease too, until that has expired.
    const left = new MemoryBlobs();
    for (const [key, bytes] of await everything(blobs, "Baileys-bot")) await left.put(key, bytes);

    const next = await startBot(release, server, vaultOn(left));
    await next.events.until("open");
    for (const to of [anna.pn, group.jid]) {
      await next.send(to, `again to ${to}`);
      await anna.received(`again to ${to}`);
    }
    await (await anna.send("to the next one")).read();
    await next.received("to the next one");
    expect(next.events.all("qr")).toEqual([]);
    expect(server.traffic).toMatchObject({ retries: [], unreadable: [] });
    expect(server.traffic.reusedCounters()).toEqual([]);
    expect(server.traffic.reusedPreKeys()).toEqual([]);
  });
});
