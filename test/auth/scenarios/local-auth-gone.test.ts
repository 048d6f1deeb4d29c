// A browser that ends without a hook, because it has died or the bot has closed it, must not keep its profile.
import { access } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { clientOptions } from "../../support/client.ts";
import { useFolder } from "../../support/folder.ts";
import { onlyLong } from "../../support/length.ts";
import { useRig } from "../../support/rig.ts";
import { whatsapp } from "../../support/whatsapp.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

const folder = useFolder();
let dataPath: string;
let strategy: LocalAuth;
let client: ScriptedClient;
let signalsBefore: number;
const others: ScriptedClient[] = [];

beforeEach(async () => {
  dataPath = folder();
  signalsBefore = process.listenerCount("SIGTERM");
  strategy = new LocalAuth({ dataPath });
  client = new ScriptedClient(strategy);
});
afterEach(async () => {
  for (const other of [client, ...others.splice(0)]) await other.destroy();
});

function another(auth: LocalAuth = new LocalAuth({ dataPath })): ScriptedClient {
  const other = new ScriptedClient(auth);
  others.push(other);
  return other;
}

async function exists(name: string): Promise<boolean> {
  return await access(join(dataPath, name)).then(
    () => true,
    () => false,
  );
}

/** The claim on the profile and the signal handlers are gone. */
async function isFree(): Promise<boolean> {
  return !(await exists("session.claim")) && process.listenerCount("SIGTERM") === signalsBefore;
}

describe("a browser of LocalAuth that has ended without a hook", () => {
  it("leaves its profile to a new LocalAuth at once", async () => {
    await client.initialize("linked");
    await client.pupBrowser?.close();
    const other = another();
    await other.initialize("linked");
    // Of the client before, nothing reaches the new one.
    await client.destroy();
    expect(process.listenerCount("SIGTERM")).toBe(signalsBefore + 1);
    expect(await exists("session.claim")).toBe(true);
    await other.destroy();
    expect(await isFree()).toBe(true);
  });

  it("leaves its profile and its LocalAuth to a new client at once, and nothing stays behind", async () => {
    await client.initialize("linked");
    await client.pupBrowser?.close();
    const other = another(strategy);
    await other.initialize("linked");
    expect(process.listenerCount("SIGTERM")).toBe(signalsBefore + 1);
    await other.destroy();
    expect(await isFree()).toBe(true);
  });

  it("leaves its profile to the same client at once", async () => {
    await client.initialize("linked");
    await client.pupBrowser?.close();
    await client.initialize("linked");
    await client.destroy();
    expect(await isFree()).toBe(true);
  });

  it("frees its profile and the LocalAuth also when nobody starts again", async () => {
    await client.initialize("linked");
    await client.pupBrowser?.close();
    await vi.waitFor(async () => expect(await isFree()).toBe(true), { timeout: 30_000 });
    const other = another(strategy);
    await other.initialize("qr");
    await client.destroy();
    expect(() => another(strategy)).toThrow("belongs to another client already");
  });

  it("whose profile another client has opened since: a logout removes nothing of it", async () => {
    await client.initialize("linked");
    await client.pupBrowser?.close();
    await another().initialize("linked");
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    await strategy.logout();
    warned.mockRestore();
    expect(await exists("session")).toBe(true);
    expect(await exists("session.claim")).toBe(true);
  });

  it("is logged out as ever when nobody has started since", async () => {
    await client.initialize("linked");
    await client.logout();
    expect(await exists("session")).toBe(false);
    expect(await isFree()).toBe(true);
  });
});

describe("the browser of a start of LocalAuth that has failed", () => {
  it("is closed after a minute, unless the page was ready all the same", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      for (const isReady of [false, true]) {
        const failing = another(new LocalAuth({ dataPath: folder() }));
        await expect((failing.initialize as (page: string) => Promise<void>)("auth timeout")).rejects.toBe(
          "auth timeout",
        );
        if (isReady) await failing.ready();
        expect(failing.pupBrowser?.isConnected()).toBe(true);
        await vi.advanceTimersByTimeAsync(60_000);
        vi.useRealTimers();
        if (!isReady)
          await vi.waitFor(() => expect(failing.pupBrowser?.isConnected()).toBe(false), { timeout: 30_000 });
        expect(failing.pupBrowser?.isConnected()).toBe(isReady);
        vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      }
    } finally {
      vi.useRealTimers();
    }
  });
});

describe.skipIf(process.platform === "win32")("a Chromium that was killed", () => {
  const rig = useRig();

  it.each(["the same LocalAuth", ...onlyLong("a new LocalAuth")])(
    "leaves its profile to a new client with %s at once",
    async (which) => {
      const path = rig.folder();
      const first = new LocalAuth({ dataPath: path });
      const dead = new (whatsapp().Client)(clientOptions({ authStrategy: first }));
      await dead.initialize();
      const gone = new Promise((resolve) => dead.pupBrowser?.once("disconnected", () => resolve(undefined)));
      dead.pupBrowser?.process()?.kill("SIGKILL");
      await gone;
      const authStrategy = which === "the same LocalAuth" ? first : new LocalAuth({ dataPath: path });
      const next = new (whatsapp().Client)(clientOptions({ authStrategy }));
      try {
        await next.initialize();
        await dead.destroy();
        expect(next.pupBrowser?.isConnected()).toBe(true);
      } finally {
        await next.destroy();
      }
    },
  );
});
