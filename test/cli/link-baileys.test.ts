import { join } from "node:path";
import { PassThrough } from "node:stream";
import { encode } from "uqr";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { Cli } from "../../cli/cli.ts";
import { linkBaileys } from "../../cli/link/link-baileys.ts";
import { type LinkOptions, linkRequest } from "../../cli/link/link-request.ts";
import { Output } from "../../cli/terminal/output.ts";
import { peekAuthState, useVaultAuthState } from "../../lib/baileys/index.ts";
import { VaultError } from "../../lib/errors.ts";
import { type Baileys, type BaileysVersion, baileys, baileysVersions } from "../support/baileys.ts";
import { BaileysBot } from "../support/baileys-bot.ts";
import { useFolder } from "../support/folder.ts";
import { startWhatsApp, type WhatsAppServer } from "../support/whatsapp-server/server.ts";
import { runCli } from "./support/run-cli.ts";
import { modulesOf } from "./support/terminal-qr.ts";

const newFolder = useFolder();
const session = "Baileys-support";
let directory: string;
let store: FileStore;
let server: WhatsAppServer | undefined;

beforeEach(() => {
  directory = newFolder();
  store = new FileStore({ directory });
});

afterEach(async () => {
  await server?.close();
  server = undefined;
});

interface Link {
  readonly release: Baileys;
  readonly server: WhatsAppServer;
  readonly qrs: string[];
  readonly configs: Record<string, unknown>[];
  readonly ended: Promise<{ phone: string; replaced: boolean }>;
  readonly end: AbortController;
  said(): string;
  /** Resolves with the first QR code. */
  readonly qr: Promise<string>;
}

/** Links as the command does, with a Baileys whose sockets talk with a server of this test. */
async function link(
  version: BaileysVersion,
  options: { phone?: string; deviceName?: string } & Pick<LinkOptions, "replace" | "otherPhone" | "wait"> = {},
): Promise<Link> {
  const release = await baileys(version);
  server ??= await startWhatsApp({ addressing: release.addressing });
  const { url } = server;
  const [stderr, configs, qrs] = [new PassThrough(), [] as Record<string, unknown>[], [] as string[]];
  let text = "";
  stderr.on("data", (chunk) => {
    text += chunk;
  });
  let tell = (_qr: string): void => {};
  const qr = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const module = {
    ...release,
    makeWASocket: (config: Record<string, unknown>) => {
      configs.push(config);
      const socket = release.makeWASocket({
        ...(config as object),
        waWebSocketUrl: url,
        defaultQueryTimeoutMs: undefined,
        ...release.offline,
      } as never);
      socket.ev.on("connection.update", (update) => {
        if (!update.qr) return;
        qrs.push(update.qr);
        tell(update.qr);
      });
      return socket;
    },
  };
  const end = new AbortController();
  const out = new Output(new PassThrough());
  const cli = new Cli({
    out,
    err: new Output(stderr),
    signal: end.signal,
    env: {},
    stdin: new PassThrough() as unknown as NodeJS.ReadStream,
    stderr,
  });
  const { phone, deviceName, ...others } = options;
  const given = {
    proof: true,
    timeout: 600_000,
    ...others,
    ...(phone ? { pairingCode: phone } : {}),
    ...(deviceName ? { deviceName } : {}),
  };
  const addressed = Object.assign(store, { address: `file:${directory}`, close: async () => {} });
  const ended = linkBaileys(cli, addressed, session, { ...linkRequest(given), module, options: given });
  ended.catch(() => {});
  return { release, server, qrs, configs, ended, end, qr, said: () => text };
}

/** A bot on another machine connects by itself, with what is stored. */
async function botConnects(release: Baileys): Promise<void> {
  if (server === undefined) throw new Error("no server");
  const bot = await BaileysBot.start({
    baileys: release,
    server,
    openState: () => useVaultAuthState({ store: new FileStore({ directory }), session, baileys: release }),
  });
  await bot.events.until("open");
  expect(bot.events.all("qr")).toEqual([]);
  await bot.end();
}

describe("wa-vault link --baileys", () => {
  it.each(baileysVersions)(
    "links by a QR code in the terminal, and a bot elsewhere connects without one: %s",
    async (version) => {
      const running = await link(version, { deviceName: "Desk" });
      const qr = await running.qr;
      expect(modulesOf(running.said())[0]).toEqual(encode(qr, { ecc: "L", border: 2 }).data);
      // Before the phone has agreed nothing is stored.
      expect(await peekAuthState({ store, session })).toBeUndefined();
      await running.server.phone.link(qr);
      expect(await running.ended).toEqual({ phone: "…0001", replaced: false });
      expect(running.configs.map(({ browser }) => (browser as string[])[0])).toEqual(["Desk", "Desk"]);
      expect(running.said()).not.toContain("5511900000001");
      expect(await peekAuthState({ store, session })).toMatchObject({ registered: true });
      expect((await store.state({ session }))?.lease).toBeUndefined();
      await botConnects(running.release);
    },
  );

  it("links by a code that is typed on the phone", async () => {
    const running = await link("7.0.0-rc14", { phone: "+55 11 90000-0001" });
    const spaced = (): string | undefined => /^(?:[1-9A-Z] ){4}- (?:[1-9A-Z] ){3}[1-9A-Z]$/m.exec(running.said())?.[0];
    await expect.poll(spaced).toBeDefined();
    await running.server.phone.linkByCode((spaced() ?? "").replaceAll(/[ -]/g, ""));
    expect(await running.ended).toEqual({ phone: "…0001", replaced: false });
    await botConnects(running.release);
  });

  it("stores nothing when it is ended before a phone has linked", async () => {
    const running = await link("7.0.0-rc14");
    await running.qr;
    running.end.abort();
    await expect(running.ended).rejects.toBe(running.end.signal.reason);
    const state = await store.state({ session });
    expect(state?.current).toBeUndefined();
    expect(state?.lease).toBeUndefined();
  });

  it("leaves what is stored alone until another phone has linked, and keeps it then", async () => {
    const first = await link("7.0.0-rc14");
    await first.server.phone.link(await first.qr);
    await first.ended;
    const stored = await peekAuthState({ store, session });

    const refused = await link("7.0.0-rc14");
    await expect(refused.ended).rejects.toMatchObject({
      code: "CONFLICT",
      hint: expect.stringMatching(/--replace.*export --generation/),
    });

    const ended = await link("7.0.0-rc14", { replace: true });
    await ended.qr;
    ended.end.abort();
    await expect(ended.ended).rejects.toBe(ended.end.signal.reason);
    expect(await peekAuthState({ store, session })).toEqual(stored);
    await botConnects(first.release);

    const before = await peekAuthState({ store, session });
    const other = await link("7.0.0-rc14", { replace: true });
    await first.server.addPhone("5511900000003").link(await other.qr);
    await expect(other.ended).rejects.toMatchObject({
      code: "CONFLICT",
      hint: expect.stringContaining("--other-phone"),
    });
    expect(await peekAuthState({ store, session })).toEqual(before);
    await botConnects(first.release);

    const replaced = await link("7.0.0-rc14", { replace: true, otherPhone: true });
    await first.server.addPhone("5511900000002").link(await replaced.qr);
    expect(await replaced.ended).toEqual({ phone: "…0002", replaced: true });
    await botConnects(replaced.release);
    const kinds: string[] = [];
    for await (const { kind } of store.history({ session })) kinds.push(kind);
    expect(kinds).toContain("deleted");

    // The earlier link is kept, and connects again once it is brought back.
    const earlier = (await store.state({ session }))?.generations.find(({ beforeDeletion }) => beforeDeletion);
    const [place, file] = [["--store", `file:${directory}`], join(newFolder(), "earlier.wavault")];
    const exporting = ["export", session, file, "--plain", "--generation", String(earlier?.generation), ...place];
    expect(await runCli(exporting)).toMatchObject({ code: 0 });
    const importing = ["import", file, "--replace", ...place];
    expect(await runCli(importing)).toMatchObject({ code: 9, stderr: expect.stringContaining("--other-phone") });
    expect(await runCli([...importing, "--other-phone"])).toMatchObject({ code: 0 });
    expect((await peekAuthState({ store, session }))?.me).toEqual(before?.me);
    await botConnects(first.release);
  });

  it("brings the earlier link back when the new one cannot be stored", async () => {
    const first = await link("7.0.0-rc14");
    await first.server.phone.link(await first.qr);
    await first.ended;
    const stored = await peekAuthState({ store, session });

    const open = store.openRecords.bind(store);
    vi.spyOn(store, "openRecords").mockImplementationOnce(async (options) => {
      const records = await open(options);
      const [clear, set] = [records.clear.bind(records), records.set.bind(records)];
      let isCleared = false;
      records.clear = async (...values) => {
        await clear(...values);
        isCleared = true;
      };
      records.set = async (changes) => {
        if (isCleared) throw new VaultError("UNAVAILABLE", "The disk is away.");
        await set(changes);
      };
      return records;
    });
    const replaced = await link("7.0.0-rc14", { replace: true, otherPhone: true });
    await first.server.addPhone("5511900000002").link(await replaced.qr);
    await expect(replaced.ended).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await peekAuthState({ store, session })).toEqual(stored);
    expect(replaced.said()).toContain("is back");
  });

  it("names the call that brings the earlier link back when the store is away", async () => {
    const first = await link("7.0.0-rc14");
    await first.server.phone.link(await first.qr);
    await first.ended;
    const away = new VaultError("UNAVAILABLE", "The disk is away.");
    const open = store.openRecords.bind(store);
    vi.spyOn(store, "undelete").mockRejectedValue(away);
    vi.spyOn(store, "openRecords").mockImplementationOnce(async (options) => {
      const records = await open(options);
      const clear = records.clear.bind(records);
      records.clear = async (...values) => {
        await clear(...values);
        records.set = async () => Promise.reject(away);
      };
      return records;
    });
    const replaced = await link("7.0.0-rc14", { replace: true });
    await first.server.phone.link(await replaced.qr);
    await expect(replaced.ended).rejects.toMatchObject({ code: "UNAVAILABLE" });
    const call = /When the store answers, this brings it back: wa-vault (.+)/.exec(replaced.said())?.[1] ?? "";
    expect(call).toBe(`undelete ${session}`);
    const { code } = await runCli([...call.split(" "), "--yes", "--store", `file:${directory}`]);
    expect(code).toBe(0);
    expect(await peekAuthState({ store: new FileStore({ directory }), session })).toMatchObject({ registered: true });
  });

  it("waits for a bot that has the session", async () => {
    store = new FileStore({ directory, onWarning: () => {} });
    const lease = await new FileStore({ directory }).acquire({ session });
    const acquire = vi.spyOn(store, "acquire");
    const running = await link("7.0.0-rc14", { wait: 600_000 });
    await vi.waitUntil(() => acquire.mock.calls.length > 0, { timeout: 60_000 });
    expect(running.configs).toEqual([]);
    await lease.release();
    await running.server.phone.link(await running.qr);
    expect(await running.ended).toMatchObject({ replaced: false });
  }, 90_000);

  it("does not take a session from a bot that runs", async () => {
    const other = new FileStore({ directory });
    const lease = await other.acquire({ session });
    const running = await link("7.0.0-rc14");
    await expect(running.ended).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(running.configs).toEqual([]);
    await lease.release();
  });

  it("is not for the session of a browser", async () => {
    const { code, stderr } = await runCli(["link", "RemoteAuth-x", "--baileys", "--store", `file:${directory}`]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("`--baileys` was given") });
  });
});
