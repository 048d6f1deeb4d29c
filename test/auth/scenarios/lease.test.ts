import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RemoteAuth, type RemoteAuthOptions } from "../../../lib/auth/remote-auth.ts";
import { VaultError } from "../../../lib/errors.ts";
import { assertSameFiles, captureOf, filesIn, writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";
import { expectWarning } from "../../support/warnings.ts";
import { whatsapp, whatsappVersions } from "../../support/whatsapp.ts";
import { nameOf } from "../support/ladder.ts";
import { LeasedStore } from "../support/leased-store.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { type Page, ScriptedBrowser, ScriptedClient } from "../support/scripted-client.ts";

expectWarning(/is no copy of the stored session; the stored session is used, and the profile was moved to .*\.unsaved/);

const session = "RemoteAuth";
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
/** A hang is noticed by it; nothing that goes well takes it. */
const LIMIT = { timeout: 240_000 };
const taken = new VaultError("LEASE_LOST", "The session was taken over by another:1.");

let dataPath: string;
let dir: string;
let store: LeasedStore;
let signalsBefore: number;

const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
  dir = join(dataPath, session);
  store = new LeasedStore();
  signalsBefore = signals();
});
afterEach(() => {
  vi.useRealTimers();
});

function signals(): number {
  return SIGNALS.reduce((sum, signal) => sum + process.listenerCount(signal), 0);
}

async function storeProfile(name: string): Promise<void> {
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, lease, capture: captureOf(linkedProfile(name)) });
  await lease.release();
  store.waits.length = 0;
}

function make(options: Partial<RemoteAuthOptions> = {}): { strategy: RemoteAuth; client: ScriptedClient } {
  const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000, ...options });
  return { strategy, client: new ScriptedClient(strategy) };
}

async function current(): Promise<string | undefined> {
  const into = await mkdtemp(join(folder(), "look-"));
  await store.restoreProfile({ session, into });
  return await nameOf(into);
}

async function nothingIsLeft(): Promise<void> {
  expect(store.held).toBe(0);
  expect(signals()).toBe(signalsBefore);
  expect((await readdir(dataPath)).filter((name) => name.endsWith(".claim"))).toEqual([]);
}

describe("leaseWaitMs", () => {
  it.each([
    [undefined, 120_000],
    [0, 0],
    [5_000, 5_000],
    [100 / 7, 14],
  ])("%s: the store is asked to wait for %i ms", async (leaseWaitMs, waitMs) => {
    await storeProfile("stored");
    const { client } = make({ leaseWaitMs });
    await client.initialize("linked");
    expect(store.waits).toEqual([waitMs]);
    await client.destroy();
  });

  it("destroy() ends the wait at once", async () => {
    await storeProfile("stored");
    // A lease that nobody releases.
    const { reached } = store.hold("acquire");
    const { client } = make();
    const starting = client.initialize("linked");
    await reached;
    await Promise.all([expect(starting).rejects.toMatchObject({ code: "CANCELLED" }), client.destroy()]);
    await nothingIsLeft();
  });

  it("destroy() waits for the release of a lease that a store gives in spite of its signal", async () => {
    await storeProfile("stored");
    store.heedsSignal = false;
    const { reached, go } = store.hold("acquire");
    const given = store.hold("acquired");
    const { client } = make();
    const starting = client.initialize("linked");
    starting.catch(() => undefined);
    await reached;
    const destroyed = client.destroy();
    go();
    await given.reached;
    expect(store.held).toBe(1);
    given.go();
    await destroyed;
    await nothingIsLeft();
    await expect(starting).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("LEASE_HELD reaches the caller of initialize() with owner and expiry, and the local profile stays as it is", async () => {
    await storeProfile("stored");
    await writeFiles(linkedProfile("local"), dir);
    const before = await filesIn(dataPath);
    const expiresAt = new Date(1_790_000_000_000);
    const held = new VaultError("LEASE_HELD", "Held by another:1.", { owner: "another:1", expiresAt });
    store.fail("acquire", held);
    const { client } = make();
    const error = await client.initialize("linked").catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "LEASE_HELD", owner: "another:1", expiresAt });
    assertSameFiles(await filesIn(dataPath), before);
    expect(client.seen).toEqual([]);
    await nothingIsLeft();
    await client.initialize("linked");
    await client.destroy();
    await nothingIsLeft();
  });

  it("after the wait the generation is restored that the earlier holder saved last", async () => {
    await storeProfile("before the wait");
    const earlier = await store.acquire({ session });
    const { reached, go } = store.hold("acquire");
    const { client } = make();
    const starting = client.initialize("linked");
    await reached;
    await store.saveProfile({ session, lease: earlier, capture: captureOf(linkedProfile("saved meanwhile")) });
    await earlier.release();
    go();
    await starting;
    expect(await nameOf(dir)).toBe("saved meanwhile");
    await client.destroy();
    await nothingIsLeft();
  });
});

describe("a lease that is lost", () => {
  /** Everything that must hold once the loss was told. */
  async function endsOnce(client: ScriptedClient): Promise<void> {
    await expect.poll(() => client.seen, LIMIT).toContain("lost");
    await expect.poll(() => store.held, LIMIT).toBe(0);
    await expect.poll(signals, LIMIT).toBe(signalsBefore);
    store.lose(taken);
    await client.destroy();
    expect(client.seen.filter((name) => name === "lost")).toHaveLength(1);
    expect(client.pupBrowser?.isConnected() ?? false).toBe(false);
    await nothingIsLeft();
    expect(await current()).toBe("stored");
  }

  it.each(["state", "restore"] as const)("during a start (%s): initialize() rejects", async (step) => {
    await storeProfile("stored");
    const { reached, go } = store.hold(step);
    const { client } = make();
    const starting = client.initialize("linked");
    starting.catch(() => undefined);
    await reached;
    store.lose(taken);
    if (step === "state") go();
    await expect(starting).rejects.toBe(taken);
    await endsOnce(client);
    expect(client.seen).toEqual(["lost"]);
  });

  it("at the end of a start, when puppeteer's options are set: initialize() rejects", async () => {
    await storeProfile("stored");
    const { client } = make();
    let { puppeteer } = client.options;
    Object.defineProperty(client.options, "puppeteer", {
      get: () => puppeteer,
      set: (options) => {
        puppeteer = options;
        store.lose(taken);
      },
    });
    await expect(client.initialize("linked")).rejects.toBe(taken);
    await endsOnce(client);
    expect(client.seen).toEqual(["lost"]);
  });

  it("while the browser is being launched: the browser is closed again", async () => {
    await storeProfile("stored");
    const { client } = make();
    const browser = new ScriptedBrowser();
    const starting = client.initialize("linked", async () => {
      store.lose(taken);
      return browser;
    });
    await expect(starting).rejects.toMatchObject({ code: "CANCELLED" });
    expect(browser.isConnected()).toBe(false);
    await endsOnce(client);
  });

  it.each(["qr", "linked"] as const)("between two calls, on a page that is %s", async (page) => {
    await storeProfile("stored");
    const { client, strategy } = make();
    await client.initialize(page);
    await rm(join(dir, "Default"), { recursive: true });
    await writeFiles(linkedProfile("not to be saved"), dir);
    store.lose(taken);
    await endsOnce(client);
    await expect(strategy.backup()).rejects.toMatchObject({ code: "INVALID" });
    expect(client.errors.filter((error) => (error as VaultError).code !== "DENIED")).toEqual([]);
  });

  it("before the page is ready", async () => {
    await storeProfile("stored");
    const { client, strategy } = make();
    await strategy.beforeBrowserInitialized();
    client.pupBrowser = new ScriptedBrowser();
    await strategy.afterBrowserInitialized();
    store.lose(taken);
    await client.ready();
    await endsOnce(client);
    expect(client.seen).not.toContain("saved");
  });

  it("before a save has captured the profile: the save rejects with LEASE_LOST", async () => {
    await storeProfile("stored");
    const { client, strategy } = make();
    await client.initialize("linked");
    await writeFiles(linkedProfile("not to be saved"), dir);
    const saving = strategy.backup();
    store.lose(taken);
    await expect(saving).rejects.toMatchObject({ code: "LEASE_LOST" });
    await endsOnce(client);
  });

  it("during a save: the save rejects with LEASE_LOST", async () => {
    await storeProfile("stored");
    const { client, strategy } = make();
    await client.initialize("linked");
    await writeFiles(linkedProfile("not to be saved"), dir);
    const { reached } = store.hold("save");
    const saving = strategy.backup();
    saving.catch(() => undefined);
    await reached;
    store.lose(taken);
    await expect(saving).rejects.toBe(taken);
    await endsOnce(client);
    expect(client.seen).not.toContain("saved");
  });

  it("during the last save of destroy(): nothing is saved, and no error is told", async () => {
    await storeProfile("stored");
    const { client } = make();
    await client.initialize("linked");
    await writeFiles(linkedProfile("not to be saved"), dir);
    const { reached } = store.hold("save");
    const destroyed = client.destroy();
    await reached;
    store.lose(taken);
    await destroyed;
    await endsOnce(client);
    expect(client.errors).toEqual([]);
  });

  it("after destroy() tells nothing", async () => {
    await storeProfile("stored");
    const { client } = make();
    await client.initialize("qr");
    await client.destroy();
    const seen = [...client.seen];
    store.lose(taken);
    await client.destroy();
    expect(client.seen).toEqual(seen);
  });

  it("while WhatsApp refuses the session: no QR is shown and nothing starts again", async () => {
    await storeProfile("stored");
    const { client, strategy } = make();
    await strategy.beforeBrowserInitialized();
    client.pupBrowser = new ScriptedBrowser();
    await strategy.afterBrowserInitialized();
    store.mark = async () => {
      throw taken;
    };
    expect(await strategy.onAuthenticationNeeded()).toEqual({
      failed: true,
      restart: false,
      failureEventPayload: taken.message,
    });
    await endsOnce(client);
  });
});

describe("no lease is left behind", () => {
  const fault = new VaultError("UNAVAILABLE", "So the test wants it.");

  it.each(["acquire", "state", "restore"] as const)("by a start whose store fails at: %s", async (step) => {
    await storeProfile("stored");
    store.fail(step, fault);
    const { client } = make();
    await expect(client.initialize("linked")).rejects.toBe(fault);
    await nothingIsLeft();
  });

  it.each<[string, (client: ScriptedClient) => Promise<void>]>([
    [
      "a switch that would wipe the profile",
      async (client) => {
        client.options.puppeteer.args = ["--enable-features=DomStorageSqlite"];
      },
    ],
    [
      "a disk that refuses the profile",
      async () => {
        // Where the restored profile is to be moved.
        await mkdir(join(`${dir}.swap`, "x"), { recursive: true });
        store.restoreProfile = async () => {
          await rm(dataPath, { recursive: true });
          await writeFile(dataPath, "no directory");
          throw fault;
        };
      },
    ],
  ])("by a start that is refused by %s", async (_, prepare) => {
    await storeProfile("stored");
    const { client } = make();
    await prepare(client);
    await expect(client.initialize("linked")).rejects.toBeInstanceOf(VaultError);
    expect(store.held).toBe(0);
    expect(signals()).toBe(signalsBefore);
  });

  it("by a launch that fails, although no hook is called", async () => {
    await storeProfile("stored");
    const { client } = make();
    const launch = () => Promise.reject(new Error("Failed to launch the browser process!"));
    await expect(client.initialize("linked", launch)).rejects.toThrow("Failed to launch");
    await nothingIsLeft();
    expect(client.seen).toEqual(["restored"]);
    await client.initialize("linked");
    expect(store.held).toBe(1);
    await client.destroy();
    await nothingIsLeft();
  });

  it.each(whatsappVersions)("by a launch that fails in whatsapp-web.js %s", async (version) => {
    await storeProfile("stored");
    const authStrategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000 });
    const { Client } = whatsapp(version);
    const client = new Client({ authStrategy, puppeteer: { executablePath: join(dataPath, "no-chromium") } });
    await expect(client.initialize()).rejects.toThrow(/no-chromium/);
    await nothingIsLeft();
    // Again without a destroy(), as bots do that try again.
    await expect(client.initialize()).rejects.toThrow(/no-chromium/);
    await nothingIsLeft();
  });

  it("by a destroy() in any of the first moments of a start, which ends at once", async () => {
    await storeProfile("stored");
    for (let turns = 0; turns < 20; turns++) {
      const { client } = make();
      // A lease that nobody releases.
      store.hold("acquire");
      const starting = client.initialize("linked");
      starting.catch(() => undefined);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      await client.destroy();
      await expect(starting).rejects.toMatchObject({ code: "CANCELLED" });
    }
    await nothingIsLeft();
  });

  it("by a browser that dies before its first hook", async () => {
    await storeProfile("stored");
    const { client } = make();
    await client.initialize("linked", async () => {
      const browser = new ScriptedBrowser();
      await browser.close();
      return browser;
    });
    await expect.poll(() => store.held, LIMIT).toBe(0);
    expect(client.seen).toContain("interrupted");
    await nothingIsLeft();
  });

  it.each<[Page, unknown]>([
    ["auth timeout", "auth timeout"],
    ["navigated", new Error("Execution context was destroyed, most likely because of a navigation.")],
  ])(
    "by a page that does not load (%s): its browser is closed after a minute, and the session released",
    async (page, error) => {
      await storeProfile("stored");
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const { client } = make();
      await expect(client.initialize(page)).rejects.toEqual(error);
      vi.advanceTimersByTime(59_000);
      // A person may look at the page until then; the session is held as long as a browser has it open.
      expect(client.pupBrowser?.isConnected()).toBe(true);
      expect(store.held).toBe(1);
      const browser = client.pupBrowser as ScriptedBrowser;
      const closed = once(browser, "disconnected");
      vi.advanceTimersByTime(2_000);
      await closed;
      await expect.poll(() => store.held, LIMIT).toBe(0);
      expect(client.seen).toEqual(["restored", "interrupted"]);
      await nothingIsLeft();
    },
  );

  it("by a page that does not load and a second initialize(): the first browser is closed at once", async () => {
    await storeProfile("stored");
    const { client, strategy } = make();
    await expect(client.initialize("auth timeout")).rejects.toBe("auth timeout");
    const first = client.pupBrowser;
    await client.initialize("linked");
    expect(first?.isConnected()).toBe(false);
    expect(client.pupBrowser).not.toBe(first);
    expect(store.held).toBe(1);
    await strategy.backup();
    await client.destroy();
    expect(client.seen).not.toContain("interrupted");
    await nothingIsLeft();
  });

  it("by a page that does not load and a destroy()", async () => {
    await storeProfile("stored");
    const { client } = make();
    await expect(client.initialize("auth timeout")).rejects.toBe("auth timeout");
    await client.destroy();
    await nothingIsLeft();
  });

  it("by an initialize() that fails once the page is ready: the run goes on", async () => {
    await storeProfile("stored");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { client, strategy } = make();
    client.once("ready", () => {
      throw new Error("a listener of the user");
    });
    await expect(client.initialize("linked")).rejects.toThrow("a listener");
    await client.ready();
    vi.advanceTimersByTime(120_000);
    expect(client.pupBrowser?.isConnected()).toBe(true);
    vi.useRealTimers();
    await strategy.backup();
    await client.destroy();
    await nothingIsLeft();
  });

  it.each(["acquire", "restore", "launch"] as const)("by a signal during a start (%s)", async (step) => {
    await storeProfile("stored");
    // The process of the test goes on: another listener decides.
    const others = (): void => undefined;
    process.on("SIGTERM", others);
    try {
      const launching = gate();
      const waiting = step === "launch" ? { reached: launching.opened } : store.hold(step);
      const { client } = make();
      // As whatsapp-web.js 1.34.4 does without a browser.
      client.destroy = async () => {
        await (client.pupBrowser as ScriptedBrowser).close();
      };
      const stopped = gate();
      const starting = client.initialize("linked", async () => {
        launching.open();
        await stopped.opened;
        return new ScriptedBrowser();
      });
      starting.catch(() => undefined);
      await waiting.reached;
      process.emit("SIGTERM");
      await expect.poll(() => store.held, LIMIT).toBe(0);
      stopped.open();
      await expect(starting).rejects.toMatchObject({ code: "CANCELLED" });
      await expect.poll(signals, LIMIT).toBe(signalsBefore + 1);
    } finally {
      process.off("SIGTERM", others);
    }
    await nothingIsLeft();
  });

  it("by a browser that cannot be closed: its end is noticed", async () => {
    await storeProfile("stored");
    const { client } = make();
    await client.initialize("qr");
    const browser = client.pupBrowser as ScriptedBrowser;
    const close = browser.close.bind(browser);
    browser.close = async () => {
      await close();
      throw new Error("Protocol error: Connection closed.");
    };
    await expect(client.destroy()).rejects.toThrow("Connection closed");
    await expect.poll(() => store.held, LIMIT).toBe(0);
    await nothingIsLeft();
  });
});
