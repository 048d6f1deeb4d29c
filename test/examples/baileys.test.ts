import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { peekAuthState } from "../../lib/baileys/index.ts";
import { useFolder } from "../support/folder.ts";
import { startRedis } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { startWhatsApp, type WhatsAppServer } from "../support/whatsapp-server/server.ts";
import { Example } from "./example.ts";

const folder = useFolder();
let server: WhatsAppServer;

afterEach(() => server.close());

function run(name: string, cwd: string, args: string[] = [], env: object = {}): Example {
  return new Example(name, cwd, args, { WHATSAPP_URL: server.url, ...env }, "baileys");
}

async function qrOf(bot: Example): Promise<string> {
  await bot.sent(/^qr /);
  return bot.events.find((event) => event.startsWith("qr "))?.slice("qr ".length) ?? "";
}

describe("examples/baileys-bot.mts", () => {
  it("is linked once with a QR, answers, and goes on where it was after SIGTERM, kill -9 and a logout", async () => {
    server = await startWhatsApp();
    const anna = server.contact("5511988887777");
    const cwd = folder();
    const first = run("baileys-bot.mts", cwd);
    await server.phone.link(await qrOf(first));
    // WhatsApp has told it to restart.
    await first.written(/ready/);
    await anna.send("ping");
    await anna.received("pong");
    expect(await first.end("SIGTERM")).toEqual([0, null]);
    const store = new FileStore({ directory: join(cwd, "sessions") });
    expect(await peekAuthState({ store, session: "support" })).toMatchObject({ registered: true });
    expect((await peekAuthState({ store, session: "support" }))?.holder).toBeUndefined();

    const second = run("baileys-bot.mts", cwd);
    await second.written(/ready/);
    await anna.send("ping");
    await anna.received("pong");
    expect(await second.end("SIGKILL")).toEqual([null, "SIGKILL"]);

    const third = run("baileys-bot.mts", cwd);
    await third.written(/ready/);
    await anna.send("ping");
    await anna.received("pong");
    for (const bot of [second, third]) expect(bot.events).toEqual([]);
    expect(server.traffic.reusedCounters()).toEqual([]);

    server.disconnect("removed");
    await third.end();
    expect(await peekAuthState({ store, session: "support" })).toBeUndefined();
    await store.undelete({ session: "Baileys-support" });
    expect(await peekAuthState({ store, session: "support" })).toMatchObject({ registered: true });
  });
});

await suiteWith("examples/baileys-pairing-code.mts", shared(startRedis), ({ env }) => {
  it("is linked with a code, and goes on in another folder", async () => {
    server = await startWhatsApp();
    const number = "5511900000001";
    const first = run("baileys-pairing-code.mts", folder(), [number], env);
    const [, code = ""] = await first.written(/code (\w+)/);
    await server.phone.linkByCode(code);
    await first.written(/ready/);
    expect(await first.end("SIGTERM")).toEqual([0, null]);
    const second = run("baileys-pairing-code.mts", folder(), [number], env);
    await second.written(/ready/);
    expect(second.output).not.toContain("code");
    expect(await second.end("SIGTERM")).toEqual([0, null]);
  });
});
