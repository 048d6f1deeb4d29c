import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, type ClientOptions } from "whatsapp-web.js";
import { BaseAuth } from "../../lib/auth/base-auth.ts";
import { LocalAuth, type LocalAuthOptions } from "../../lib/auth/local-auth.ts";
import { NoAuth } from "../../lib/auth/no-auth.ts";
import { BrowserWatch } from "../../lib/browser/browser-watch.ts";
import type { ClientLike } from "../../lib/browser/client.ts";
import { useFolder } from "../support/folder.ts";

let root: string;
let opened: LocalAuth[] = [];
const folder = useFolder();
beforeEach(() => {
  root = folder();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(opened.map((auth) => auth.destroy()));
  opened = [];
});

/** A strategy in a real client, whose browser is never started. */
function strategy(options: LocalAuthOptions = {}, puppeteer: ClientOptions["puppeteer"] = {}) {
  const auth = new LocalAuth({ dataPath: join(root, "data"), ...options });
  const client = new Client({ authStrategy: auth, puppeteer });
  opened.push(auth);
  return { auth, client: client as unknown as ClientLike };
}

/** As if a browser ran. */
function connect(client: ClientLike): void {
  client.pupBrowser = { isConnected: () => true, version: async () => "Chrome/1.0", once: () => undefined };
}

describe("LocalAuth", () => {
  it("has the fields and defaults of whatsapp-web.js's", () => {
    expect(new LocalAuth()).toMatchObject({
      clientId: undefined,
      dataPath: resolve("./.wwebjs_auth/"),
      rmMaxRetries: 4,
      userDataDir: undefined,
    });
    const given = new LocalAuth({ clientId: "a", dataPath: "b", rmMaxRetries: 0 });
    expect(given).toMatchObject({ clientId: "a", dataPath: resolve("b"), rmMaxRetries: 0 });
    expect(given).toBeInstanceOf(BaseAuth);
    expect(() => new LocalAuth({ clientId: "a b" })).toThrow(/^Invalid clientId\. Only alphanumeric/);
  });

  it("opens the profile that its fields name when it starts, as a subclass may have set them", async () => {
    const { auth, client } = strategy({ clientId: "one" });
    Object.assign(auth, { dataPath: join(root, "moved") });
    await auth.beforeBrowserInitialized();
    expect(auth.userDataDir).toBe(join(root, "moved", "session-one"));
    expect(client.options.puppeteer?.userDataDir).toBe(auth.userDataDir);
  });

  it.each([
    [undefined, "session"],
    ["a", "session-a"],
  ])("opens its own directory: client id %s", async (clientId, name) => {
    const { auth, client } = strategy({ clientId }, { headless: false, args: ["--a"] });
    const users = client.options.puppeteer;
    await auth.beforeBrowserInitialized();
    expect(auth.userDataDir).toBe(join(root, "data", name));
    expect(existsSync(auth.userDataDir ?? "")).toBe(true);
    expect(client.options.puppeteer).toMatchObject({ headless: false, args: ["--a"], userDataDir: auth.userDataDir });
    expect(users).toMatchObject({ args: ["--a"] });
    expect(users).not.toHaveProperty("userDataDir");
    // And again, as for a second initialize().
    await auth.beforeBrowserInitialized();
  });

  it("releases the profile once the closed browser's processes have ended, and does not wait for an open browser", async () => {
    const { auth, client } = strategy();
    const exit = vi.spyOn(BrowserWatch.prototype, "exit").mockResolvedValue();
    connect(client);
    await auth.destroy();
    expect(exit).not.toHaveBeenCalled();
    client.pupBrowser = { isConnected: () => false, version: async () => "Chrome/1.0", once: () => undefined };
    await auth.destroy();
    expect(exit).toHaveBeenCalledOnce();
  });

  it("accepts its own directory as userDataDir, and refuses any other", async () => {
    const own = join(root, "data", "session");
    await strategy({}, { userDataDir: own }).auth.beforeBrowserInitialized();
    const { auth } = strategy({}, { userDataDir: root });
    await expect(auth.beforeBrowserInitialized()).rejects.toThrow(
      "LocalAuth is not compatible with a user-supplied userDataDir.",
    );
    expect(auth.userDataDir).toBeUndefined();
  });

  it("handles signals, unless the user has set puppeteer's options for them", async () => {
    const before = process.listenerCount("SIGTERM");
    const { auth, client } = strategy();
    await auth.beforeBrowserInitialized();
    connect(client);
    await auth.afterBrowserInitialized();
    await auth.afterBrowserInitialized();
    expect(client.options.puppeteer).toMatchObject({ handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false });
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    await auth.destroy();
    await auth.destroy();
    expect(process.listenerCount("SIGTERM")).toBe(before);

    for (const [options, puppeteer] of [
      [{ closeOnSignals: false }, {}] as const,
      [{}, { handleSIGINT: true }] as const,
    ]) {
      const other = strategy(options, puppeteer);
      await other.auth.beforeBrowserInitialized();
      connect(other.client);
      await other.auth.afterBrowserInitialized();
      expect(process.listenerCount("SIGTERM")).toBe(before);
      expect(other.client.options.puppeteer?.handleSIGTERM).toBeUndefined();
      await other.auth.destroy();
    }
  });

  it("does not touch a running browser or its profile", async () => {
    const { auth, client } = strategy();
    await auth.beforeBrowserInitialized();
    const launched = client.options.puppeteer;
    writeFileSync(join(auth.userDataDir ?? "", "file"), "x");
    connect(client);
    await auth.beforeBrowserInitialized();
    expect(client.options.puppeteer).toBe(launched);
    await auth.logout();
    await auth.logout();
    expect(readdirSync(auth.userDataDir ?? "")).toContain("file");
  });

  it("removes the profile at a logout, and accepts a second logout and a missing profile", async () => {
    const { auth } = strategy();
    await auth.logout();
    await auth.beforeBrowserInitialized();
    writeFileSync(join(auth.userDataDir ?? "", "file"), "x");
    await auth.logout();
    await auth.logout();
    expect(readdirSync(join(root, "data"))).toEqual([]);
  });

  it("does not open a profile that Chromium would wipe, and leaves it as it is", async () => {
    const { auth } = strategy();
    const store = join(root, "data", "session", "Default", "Local Storage", "leveldb");
    mkdirSync(store, { recursive: true });
    writeFileSync(join(store, "CURRENT"), "MANIFEST-000001\n");
    writeFileSync(join(store, "MANIFEST-000001"), Buffer.alloc(100, 7));
    writeFileSync(join(store, "000003.log"), "");
    await expect(auth.beforeBrowserInitialized()).rejects.toMatchObject({ code: "CORRUPT", hint: expect.any(String) });
    expect(readdirSync(store).sort()).toEqual(["000003.log", "CURRENT", "MANIFEST-000001"]);
    expect(readFileSync(join(store, "MANIFEST-000001"))).toEqual(Buffer.alloc(100, 7));
  });
});

describe("NoAuth", () => {
  it("has every hook, and no hook does anything", async () => {
    const auth = new NoAuth();
    expect(() => auth.client).toThrow(TypeError);
    const client = new Client({ authStrategy: auth });
    expect(auth.client).toBe(client);
    expect(await auth.onAuthenticationNeeded()).toEqual({
      failed: false,
      restart: false,
      failureEventPayload: undefined,
    });
    const { options } = auth.client;
    const before = { ...options.puppeteer };
    for (const hook of ["beforeBrowserInitialized", "afterBrowserInitialized", "getAuthEventPayload"] as const) {
      expect(await auth[hook]()).toBeUndefined();
    }
    for (const hook of ["afterAuthReady", "disconnect", "destroy", "logout"] as const) {
      expect(await auth[hook]()).toBeUndefined();
    }
    expect(options.puppeteer).toEqual(before);
  });
});
