import { cp } from "node:fs/promises";
import { WA_CERT_DETAILS } from "baileys";
import { afterEach, describe, expect, it } from "vitest";
import { type Baileys, baileys, baileysVersions } from "./baileys.ts";
import { BaileysBot, type BaileysBotOptions } from "./baileys-bot.ts";
import { useFolder } from "./folder.ts";
import { onlyLong } from "./length.ts";
import { lifeOfASocket } from "./life-of-a-socket.ts";
import type { Ending } from "./whatsapp-server/endings.ts";
import { startWhatsApp, type WhatsAppServer } from "./whatsapp-server/server.ts";

/** What a socket calls the endings of a connection. */
const statuses: readonly [Ending, number][] = [
  ["replaced", 440],
  ["removed", 401],
  ["unavailable", 503],
  ["ended", 428],
  ["dropped", 428],
];

const newFolder = useFolder();
let running: WhatsAppServer | undefined;
let bots: BaileysBot[] = [];

afterEach(async () => {
  const [server, ending] = [running, bots];
  running = undefined;
  bots = [];
  await Promise.all(ending.map((bot) => bot.end()));
  await server?.close();
});

/** A server that ends after the test. */
async function serverFor({ addressing }: Baileys): Promise<WhatsAppServer> {
  running = await startWhatsApp({ addressing });
  return running;
}

/** Starts a bot on the release's own state in a folder. It ends with the test at the latest. */
async function startBot(
  release: Baileys,
  server: WhatsAppServer,
  folder: string,
  config: BaileysBotOptions["config"] = {},
): Promise<BaileysBot> {
  const openState = () => release.useMultiFileAuthState(folder);
  const bot = await BaileysBot.start({ baileys: release, server, openState, config });
  bots.push(bot);
  return bot;
}

// Each release lives on it in test/baileys/sockets.test.ts.
const [newest, ...older] = baileysVersions;
describe.each([newest, ...onlyLong(...older)])("the WhatsApp server, with sockets of Baileys %s", (version) => {
  it("lets a socket live on the release's own state", async () => {
    const release = await baileys(version);
    const folder = newFolder();
    await lifeOfASocket({ baileys: release, openState: () => release.useMultiFileAuthState(folder) });
  });

  it("links a socket by a pairing code", async () => {
    const release = await baileys(version);
    const server = await serverFor(release);
    const bot = await startBot(release, server, newFolder());
    await bot.events.until("qr");
    await server.phone.linkByCode(await bot.sock.requestPairingCode("5511900000001"));
    await bot.events.until("open");
    const sent = await server.contact("5511988887777").send("hello");
    await Promise.all([sent.read(), bot.received("hello")]);
  });

  it("refuses another pairing code", async () => {
    const release = await baileys(version);
    const server = await serverFor(release);
    const bot = await startBot(release, server, newFolder());
    await bot.events.until("qr");
    await bot.sock.requestPairingCode("5511900000001");
    await expect(server.phone.linkByCode("AAAAAAAA")).rejects.toThrow();
  });

  it("notices a sending counter that is used again, and that nobody can read what comes with it", async () => {
    const release = await baileys(version);
    const server = await serverFor(release);
    const anna = server.contact("5511988887777");
    const group = server.addGroup("Both", [anna]);
    const folder = newFolder();
    const older = newFolder();
    const first = await startBot(release, server, folder);
    await first.link();
    const sent = await anna.send("hello");
    await sent.read();
    await first.send(group.jid, "one");
    await anna.received("one");
    await first.end();
    await cp(folder, older, { recursive: true });

    const second = await startBot(release, server, folder);
    await second.events.until("open");
    await second.send(group.jid, "two");
    await anna.received("two");
    await second.end();
    expect(server.traffic.reusedCounters()).toEqual([]);

    const third = await startBot(release, server, older);
    await third.events.until("open");
    await third.send(group.jid, "three");
    await server.traffic.events.until("unreadable");
    expect(server.traffic.reusedCounters()).toContainEqual(expect.objectContaining({ to: group.jid, type: "skmsg" }));
  });

  it("ends connections in each way, for which the socket has a status", async () => {
    const release = await baileys(version);
    const server = await serverFor(release);
    const folder = newFolder();
    await (await startBot(release, server, folder)).link();
    for (const [ending, status] of statuses) {
      const bot = bots.at(-1);
      server.disconnect(ending);
      expect((await bot?.events.until("close"))?.values, ending).toEqual([status]);
      await (await startBot(release, server, folder)).events.until("open");
    }
  });

  it("ends the older connection of a device, and refuses a device that the phone has removed", async () => {
    const release = await baileys(version);
    const server = await serverFor(release);
    const folder = newFolder();
    const first = await startBot(release, server, folder);
    await first.link();
    const second = await startBot(release, server, folder);
    await second.events.until("open");
    expect((await first.events.until("close")).values).toEqual([440]);

    const [companion] = server.phone.companions;
    if (!companion) throw new Error("no device");
    server.phone.unlink(companion);
    expect((await second.events.until("close")).values).toEqual([401]);
    const third = await startBot(release, server, folder);
    expect((await third.events.until("close")).values).toEqual([401]);
  });

  it("removes a device that logs out", async () => {
    const release = await baileys(version);
    const server = await serverFor(release);
    const bot = await startBot(release, server, newFolder());
    await bot.link();
    const [companion] = server.phone.companions;
    await bot.sock.logout();
    expect((await bot.events.until("close")).values).toEqual([401]);
    await companion?.events.until("offline");
    expect(server.phone.companions).toEqual([]);
  });

  it("asks for pre-keys when few are left", async () => {
    const release = await baileys(version);
    const server = await serverFor(release);
    const bot = await startBot(release, server, newFolder());
    await bot.link();
    const [companion] = server.phone.companions;
    const uploaded = server.traffic.preKeys.length;
    expect(uploaded).toBe(version === "7.0.0-rc14" ? 812 : 30);
    // The phone takes one by itself, soon after the bot is open.
    while (companion && companion.preKeyCount > 4) companion.takeBundle();
    await companion?.events.until("pre-keys", undefined, 2);
    expect(server.traffic.preKeys.length).toBeGreaterThan(uploaded);
    expect(server.traffic.reusedPreKeys()).toEqual([]);
  });

  it("answers the pings of a socket", async () => {
    const release = await baileys(version);
    const server = await serverFor(release);
    const bot = await startBot(release, server, newFolder(), { keepAliveIntervalMs: 500 });
    await bot.link();
    await server.traffic.events.until("w:p get ping", undefined, 2);
    expect(bot.events.all("close")).toEqual([]);
  });
});

it("names people by their phone numbers, where it is told to", async () => {
  const release = { ...(await baileys()), addressing: "pn" } as const;
  const folder = newFolder();
  await lifeOfASocket({ baileys: release, openState: () => release.useMultiFileAuthState(folder) });
});

it("is taken for WhatsApp only while it runs", async () => {
  const key = Buffer.from(WA_CERT_DETAILS.PUBLIC_KEY);
  const servers = [await startWhatsApp(), await startWhatsApp()];
  for (const server of servers) {
    expect(WA_CERT_DETAILS.PUBLIC_KEY.equals(key)).toBe(false);
    await server.close();
  }
  expect(WA_CERT_DETAILS.PUBLIC_KEY.equals(key)).toBe(true);
});
