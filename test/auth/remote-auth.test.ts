import { EventEmitter } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs, MemoryStore } from "../../adapters/memory.ts";
import { RemoteAuth, type RemoteAuthOptions } from "../../lib/auth/remote-auth.ts";
import type { ClientLike, PuppeteerOptions } from "../../lib/browser/client.ts";
import { VaultError } from "../../lib/errors.ts";
import type { SessionStore } from "../../lib/store.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, filesIn, profileFiles, writeFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { everything } from "../support/traces.ts";

/** As much of a client as the hooks touch when no browser runs. */
class IdleClient extends EventEmitter {
  options: { puppeteer: PuppeteerOptions } = { puppeteer: {} };
  pupBrowser: { isConnected(): boolean } | null = null;
  errors: unknown[] = [];
  constructor(strategy: RemoteAuth) {
    super();
    strategy.setup(this as unknown as ClientLike);
    this.on("remote_session_error", (error) => this.errors.push(error));
  }
  async destroy(): Promise<void> {}
}

const down = (): never => {
  throw new VaultError("UNAVAILABLE", "The store is down.");
};
const downStore: SessionStore = { sessionExists: down, save: down, extract: down, delete: down };

let dataPath: string;
const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
});

function make(options: Partial<RemoteAuthOptions> = {}): { strategy: RemoteAuth; client: IdleClient } {
  const strategy = new RemoteAuth({ store: new MemoryStore(), backupSyncIntervalMs: 60_000, dataPath, ...options });
  return { strategy, client: new IdleClient(strategy) };
}

describe("options", () => {
  const without = (options: unknown) => () => new RemoteAuth(options as RemoteAuthOptions);

  it("are checked in whatsapp-web.js's order, with its sentences", () => {
    expect(without({ clientId: "a b" })).toThrow(
      "Invalid clientId. Only alphanumeric characters, underscores and hyphens are allowed.",
    );
    for (const backupSyncIntervalMs of [undefined, 0, 59_999, Number.NaN, "soon"]) {
      expect(without({ clientId: "a", backupSyncIntervalMs })).toThrow(
        "Invalid backupSyncIntervalMs. Accepts values starting from 60000ms {1 minute}.",
      );
    }
    expect(without({ backupSyncIntervalMs: 60_000 })).toThrow("Remote database store is required.");
    expect(without(undefined)).toThrow("Invalid backupSyncIntervalMs.");
  });

  it("are named in the error for a wrong store, time or archive", () => {
    const store = new MemoryStore();
    const base = { backupSyncIntervalMs: 60_000 };
    expect(without({ ...base, store: { sessionExists() {}, save() {}, extract() {} } })).toThrow("`delete`");
    expect(without({ ...base, store, finalSaveTimeoutMs: -1 })).toThrow("`finalSaveTimeoutMs`");
    expect(without({ ...base, store, retainDeletedMs: Number.NaN })).toThrow("`retainDeletedMs`");
    expect(without({ ...base, store, archive: "tar" })).toThrow("`archive`");
    for (const leaseWaitMs of [-1, Number.NaN, "soon"]) {
      expect(without({ ...base, store, leaseWaitMs })).toThrow("`leaseWaitMs`");
    }
    for (const rollbackOnAuthFailure of [-1, 0.5, Number.POSITIVE_INFINITY, "1"]) {
      expect(without({ ...base, store, rollbackOnAuthFailure })).toThrow("`rollbackOnAuthFailure`");
    }
  });

  it("result in the names that whatsapp-web.js uses", () => {
    const { strategy } = make({ clientId: "bot-1" });
    expect(strategy.sessionName).toBe("RemoteAuth-bot-1");
    expect(strategy.userDataDir).toBe(join(dataPath, "RemoteAuth-bot-1"));
    expect(strategy.rmMaxRetries).toBe(4);
    expect(make().strategy.sessionName).toBe("RemoteAuth");
  });
});

describe("beforeBrowserInitialized", () => {
  it("makes an empty profile when the store knows that it has no session", async () => {
    const { strategy, client } = make({ dataPath: join(dataPath, "not", "there") });
    await strategy.beforeBrowserInitialized();
    expect(client.options.puppeteer.userDataDir).toBe(strategy.userDataDir);
    expect(client.options.puppeteer.handleSIGTERM).toBe(false);
    expect(await readdir(strategy.userDataDir)).toEqual([".wa-vault-browser.json"]);
    await strategy.destroy();
  });

  it("refuses another userDataDir with whatsapp-web.js's sentence, and a connection to a running browser", async () => {
    const { strategy, client } = make();
    client.options.puppeteer = { userDataDir: "/elsewhere" };
    await expect(strategy.beforeBrowserInitialized()).rejects.toThrow(
      "RemoteAuth is not compatible with a user-supplied userDataDir.",
    );
    client.options.puppeteer = { browserURL: "http://127.0.0.1:1" };
    await expect(strategy.beforeBrowserInitialized()).rejects.toMatchObject({ code: "INVALID" });
  });

  it("changes no file while a browser runs", async () => {
    const { strategy, client } = make({ store: downStore });
    client.pupBrowser = { isConnected: () => true };
    await strategy.beforeBrowserInitialized();
    expect(client.options.puppeteer.userDataDir).toBeUndefined();
    expect(await readdir(dataPath)).toEqual([]);
  });

  it.each([
    ["rejects", downStore],
    ["answers undefined", { ...downStore, sessionExists: async () => undefined as unknown as boolean }],
  ])("throws UNAVAILABLE when the store %s: an outage is not an absence", async (_, store) => {
    const { strategy } = make({ store });
    await expect(strategy.beforeBrowserInitialized()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(strategy.beforeBrowserInitialized()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it.each([undefined, { key: testKey(2) }])(
    "throws WRONG_KEY when the key of the session was not given, and leaves profile and store as they are",
    async (encryption) => {
      const blobs = new MemoryBlobs();
      const owner = new Vault({ blobs, encryption: { key: testKey(1) } });
      const session = "RemoteAuth";
      const capture = captureOf(profileFiles("one"));
      await owner.saveProfile({ session, capture, lease: await owner.acquire({ session }) });
      const stored = await everything(blobs, session);
      const { strategy } = make({ store: new Vault({ blobs, encryption }) });
      for (const hasProfile of [false, true]) {
        if (hasProfile) await writeFiles(profileFiles("mine"), strategy.userDataDir);
        await expect(strategy.beforeBrowserInitialized()).rejects.toMatchObject({ code: "WRONG_KEY" });
        await strategy.destroy();
        const local = await filesIn(strategy.userDataDir).catch(() => ({}));
        expect(Object.keys(local)).toEqual(hasProfile ? expect.arrayContaining(Object.keys(profileFiles("mine"))) : []);
        expect(await everything(blobs, session)).toEqual(stored);
      }
    },
  );

  it("keeps a password of the store's address out of the message", async () => {
    const store = { ...downStore, sessionExists: () => Promise.reject(new Error("no route to //me:secret@host/db")) };
    const error = await make({ store })
      .strategy.beforeBrowserInitialized()
      .catch((cause: Error) => cause);
    expect(String(error)).toContain("no route to //host/db");
    expect(String(error)).not.toContain("secret");
  });
});

describe("hooks that whatsapp-web.js does not await", () => {
  it("never reject, neither before a start nor with a store that is down", async () => {
    const { strategy, client } = make({ store: downStore });
    await strategy.afterAuthReady();
    await strategy.disconnect();
    await strategy.destroy();
    client.pupBrowser = { isConnected: () => true };
    await strategy.logout();
    await strategy.destroy();
  });

  it("emit the error when the store could not delete the session at a logout", async () => {
    const store = { ...downStore, sessionExists: () => false };
    const { strategy, client } = make({ store });
    await strategy.beforeBrowserInitialized();
    await strategy.afterAuthReady();
    client.pupBrowser = { isConnected: () => true };
    await strategy.logout();
    expect(client.errors).toMatchObject([{ code: "UNAVAILABLE" }]);
    client.pupBrowser = null;
    await expect(strategy.logout()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await strategy.destroy();
  });
});

describe("backup", () => {
  it("throws INVALID with the reason when the client is not running or not linked", async () => {
    const { strategy } = make();
    await expect(strategy.backup()).rejects.toMatchObject({ code: "INVALID" });
    await strategy.beforeBrowserInitialized();
    await expect(strategy.storeRemoteSession()).rejects.toMatchObject({ code: "INVALID" });
    await strategy.destroy();
  });
});
