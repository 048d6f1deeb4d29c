import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { MemoryStore } from "../../../adapters/memory.ts";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { RemoteAuth, type RemoteAuthOptions } from "../../../lib/auth/remote-auth.ts";
import { BrowserWatch } from "../../../lib/browser/browser-watch.ts";
import { VaultError } from "../../../lib/errors.ts";
import type { Lease } from "../../../lib/store.ts";
import { captureOf, filesIn, writeFiles } from "../../contract/profile.ts";
import { LOCAL_STORAGE } from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { type Gate, gate } from "../../support/gate.ts";
import { takeOver } from "../../support/take-over.ts";
import { expectWarning } from "../../support/warnings.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { type Page, ScriptedBrowser, ScriptedClient } from "../support/scripted-client.ts";

expectWarning(/WhatsApp has refused generation 2 of RemoteAuth, and there is no older one to open/);

const session = "RemoteAuth";
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

let dataPath: string;
let dir: string;
let store: WatchedStore;
let signalsBefore: number;

const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
  dir = join(dataPath, session);
  store = new WatchedStore();
  signalsBefore = signals();
});

function signals(): number {
  return SIGNALS.reduce((sum, signal) => sum + process.listenerCount(signal), 0);
}

/** A vault whose leases are counted, and whose steps can be held up. */
class WatchedStore extends MemoryStore {
  held = 0;
  readonly gates: Record<string, { reached: Gate; go: Gate }> = {};

  override async acquire(options: Parameters<MemoryStore["acquire"]>[0]): Promise<Lease> {
    const lease = await super.acquire(options);
    this.held += 1;
    let isReleased = false;
    const release = lease.release.bind(lease);
    return Object.defineProperty(lease, "release", {
      value: async () => {
        if (!isReleased) this.held -= 1;
        isReleased = true;
        await release();
      },
    });
  }

  override async delete(options: Parameters<MemoryStore["delete"]>[0]): Promise<void> {
    await this.#pass("delete");
    await super.delete(options);
  }

  override async saveProfile(options: Parameters<MemoryStore["saveProfile"]>[0]) {
    await this.#pass("save");
    const report = await super.saveProfile(options);
    await this.#pass("saved");
    return report;
  }

  /** Holds the next one up. */
  hold(step: "delete" | "save" | "saved"): { reached: Promise<void>; go: () => void } {
    const [reached, go] = [gate(), gate()];
    this.gates[step] = { reached, go };
    return { reached: reached.opened, go: go.open };
  }

  async #pass(step: string): Promise<void> {
    const { reached, go } = this.gates[step] ?? {};
    delete this.gates[step];
    reached?.open();
    await go?.opened;
  }
}

async function storeSession(name = "stored"): Promise<void> {
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, lease, capture: captureOf(linkedProfile(name)) });
  await lease.release();
}

function make(options: Partial<RemoteAuthOptions> = {}): { strategy: RemoteAuth; client: ScriptedClient } {
  const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000, ...options });
  return { strategy, client: new ScriptedClient(strategy) };
}

async function started(page: Page = "linked"): Promise<{ strategy: RemoteAuth; client: ScriptedClient }> {
  await storeSession();
  const made = make();
  await made.client.initialize(page);
  return made;
}

async function nothingIsLeft(): Promise<void> {
  expect(store.held).toBe(0);
  expect(signals()).toBe(signalsBefore);
  expect((await readdir(dataPath)).filter((name) => name.endsWith(".claim"))).toEqual([]);
}

async function current(): Promise<string | undefined> {
  if ((await store.state({ session }))?.current === undefined) return undefined;
  const into = await mkdtemp(join(dataPath, "look-"));
  await store.restoreProfile({ session, into });
  const found = String((await filesIn(into))[`${LOCAL_STORAGE}/000003.log`]);
  await rm(into, { recursive: true });
  return found;
}

describe("a logout in the page", () => {
  it("whose `disconnected` handler destroys the client leaves no files, and no logout for the next page", async () => {
    const { client } = await started();
    const { reached, go } = store.hold("delete");
    let destroyed: Promise<void> | undefined;
    client.once("disconnected", () => {
      destroyed = client.destroy();
    });
    const navigated = client.loggedOut();
    await reached;
    go();
    await navigated;
    await destroyed;
    // Else the next navigation would log the new link out.
    expect(client.lastLoggedOut).toBe(false);
    await nothingIsLeft();
    expect(client.errors).toEqual([]);
    expect(await current()).toBeUndefined();
    await client.initialize("qr");
    await client.destroy();
    await nothingIsLeft();
  });

  it("before the page was ready deletes nothing: the session counts as refused", async () => {
    await storeSession();
    const { client, strategy } = make();
    await strategy.beforeBrowserInitialized();
    client.pupBrowser = new ScriptedBrowser();
    await strategy.afterBrowserInitialized();
    await client.loggedOut();
    expect(client.seen).not.toContain("deleted");
    expect(client.errors).toMatchObject([{ code: "DENIED" }]);
    expect((await store.state({ session }))?.current).toMatchObject({ rejected: true });
    expect(await current()).toContain("stored");
    await client.destroy();
    await nothingIsLeft();
  });

  it("ends the run although the store does not answer the next hook", async () => {
    const { client } = await started();
    let destroyed: Promise<void> | undefined;
    client.once("disconnected", () => {
      destroyed = client.destroy();
    });
    store.acquire = () => Promise.reject(new VaultError("UNAVAILABLE", "The store is down."));
    await client.loggedOut();
    expect(client.lastLoggedOut).toBe(false);
    await destroyed;
    expect(signals()).toBe(signalsBefore);
  });

  it("followed by a new link and a destroy keeps the profile of that link", async () => {
    const { client, strategy } = await started();
    await client.loggedOut();
    const closing = client.destroy();
    await client.ready();
    await closing;
    await access(dir);
    await strategy.destroy();
    await access(dir);
    await nothingIsLeft();
  });
});

/** 45 seconds in which this process could have gone on: one in which the machine stands still counts as half of one. */
async function waited(): Promise<string> {
  for (let n = 0; n < 90; n++) await delay(500, undefined, { ref: false });
  return "as long as a closing browser is waited for";
}

describe("a logout in the page that is reported twice", () => {
  // The handler of whatsapp-web.js runs at every navigation, also of a frame, and may be registered twice.
  it("continues twice in the same browser, without waiting for the run to end", async () => {
    const { client } = await started();
    const both = Promise.all([client.loggedOut(), client.loggedOut()]);
    expect(await Promise.race([both, waited()])).toHaveLength(2);
    expect(client.lastLoggedOut).toBe(false);
    expect(client.seen.filter((name) => name === "deleted")).toHaveLength(1);
    expect(store.held).toBe(1);
    await client.destroy();
    await nothingIsLeft();
  });
});

describe("initialize", () => {
  it("twice, while the first browser is being started: the second throws, the first continues", async () => {
    await storeSession();
    const { client, strategy } = make();
    let started = (_browser: ScriptedBrowser): void => {};
    const launching = new Promise<ScriptedBrowser>((resolve) => {
      started = resolve;
    });
    const launched = gate();
    const first = client.initialize("linked", () => {
      launched.open();
      return launching;
    });
    await launched.opened;
    // The browser has its lock before puppeteer knows it.
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "--", `--user-data-dir=${dir}`]);
    await once(child, "spawn");
    await symlink(`${hostname()}-${child.pid}`, join(dir, "SingletonLock"));
    try {
      await expect(client.initialize("linked")).rejects.toMatchObject({ code: "LEASE_HELD" });
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    started(new ScriptedBrowser());
    await first;
    expect(store.held).toBe(1);
    await strategy.backup();
    await client.destroy();
    await nothingIsLeft();
  });

  it.each(["begins to choose", "is about to launch"])(
    "throws CANCELLED when the client is destroyed as it %s, and leaves no lock and no files",
    async (at) => {
      await storeSession();
      const { client } = make();
      const browser = new ScriptedBrowser();
      let destroyed: Promise<void> | undefined;
      const starting = client.initialize("linked", async () => {
        destroyed ??= client.destroy();
        await destroyed;
        return browser;
      });
      if (at === "begins to choose") destroyed = client.destroy();
      await expect(starting).rejects.toMatchObject({ code: "CANCELLED" });
      await destroyed;
      expect(client.pupBrowser?.isConnected() ?? false).toBe(false);
      await nothingIsLeft();
    },
  );

  it("after a launch that failed, an auth timeout and a destroy starts over", async () => {
    await storeSession();
    const { client, strategy } = make();
    const fails = () => Promise.reject(new Error("Failed to launch the browser process!"));
    await expect(client.initialize("linked", fails)).rejects.toThrow("Failed to launch");
    await expect(client.initialize("auth timeout")).rejects.toBe("auth timeout");
    await client.destroy();
    await nothingIsLeft();
    await client.initialize("linked");
    expect(store.held).toBe(1);
    await strategy.backup();
    await client.destroy();
    await nothingIsLeft();
  });

  it("throws LEASE_LOST when the session was taken while the profile was chosen", async () => {
    await storeSession();
    const taken = new AbortController();
    const { acquire, restoreProfile } = store;
    store.acquire = async (options) => {
      const lease = await acquire.call(store, options);
      return Object.defineProperty(lease, "lost", { value: taken.signal });
    };
    store.restoreProfile = async (options) => {
      taken.abort(new VaultError("LEASE_LOST", "taken"));
      return await restoreProfile.call(store, options);
    };
    const { client } = make();
    await expect(client.initialize("linked")).rejects.toMatchObject({ code: "LEASE_LOST" });
    await nothingIsLeft();
  });
});

describe("a browser", () => {
  it("that dies before the session is ready releases the lease", async () => {
    const { client } = await started("qr");
    expect(store.held).toBe(1);
    await client.pupBrowser?.close();
    await expect.poll(() => store.held, { timeout: 120_000 }).toBe(0);
    expect(client.seen).toContain("interrupted");
    expect(client.errors).toEqual([expect.objectContaining({ code: "DENIED" })]);
    await nothingIsLeft();
    await client.initialize("linked");
    await client.destroy();
    await nothingIsLeft();
  });

  it("that dies after the session is ready: the profile is saved and the lease released", async () => {
    const { client } = await started();
    await rm(dir, { recursive: true });
    await writeFiles(linkedProfile("later"), dir);
    await client.pupBrowser?.close();
    await expect.poll(() => store.held, { timeout: 120_000 }).toBe(0);
    expect(client.seen).toContain("interrupted");
    expect(client.seen).toContain("error");
    await nothingIsLeft();
    await client.destroy();
  });

  it("that dies is reported with a hint, which a listener may follow at once", async () => {
    const { client } = await started();
    await rm(dir, { recursive: true });
    await writeFiles(linkedProfile("later"), dir);
    let hint: string | undefined;
    const again = new Promise<void>((resolve, reject) => {
      client.on("remote_session_error", (error: VaultError) => {
        if (error.code !== "UNAVAILABLE" || !error.message.includes("browser")) return;
        hint = error.hint;
        const destroyed = client.destroy().then(async () => {
          expect(client.seen.lastIndexOf("saved")).toBeGreaterThan(client.seen.lastIndexOf("error"));
          expect(await current()).toContain("later");
          await client.initialize("linked");
        });
        destroyed.then(resolve, reject);
      });
    });
    await client.pupBrowser?.close();
    await again;
    expect(hint).toMatch(/being saved.*client\.destroy\(\).*end the process or call client\.initialize\(\)/);
    expect(store.held).toBe(1);
    await client.destroy();
    await nothingIsLeft();
  });

  it("that is closed by a logout is not reported as dead, however long the store takes", async () => {
    const { client } = await started();
    const watchEnd = vi.spyOn(BrowserWatch.prototype, "end");
    const { reached, go } = store.hold("delete");
    const loggedOut = client.logout();
    await reached;
    expect(watchEnd).toHaveBeenCalled();
    watchEnd.mockRestore();
    go();
    await loggedOut;
    expect(client.seen.slice(-1)).toEqual(["deleted"]);
    await nothingIsLeft();
  });

  it("started without its switches is closed before it opens a page", async () => {
    const { client } = make();
    await storeSession();
    const browser = new ScriptedBrowser();
    Object.assign(browser, { process: () => ({ spawnargs: ["chromium"], exitCode: null, signalCode: null }) });
    const closing = once(browser, "disconnected");
    const watchEnd = vi.spyOn(BrowserWatch.prototype, "end");
    await expect(client.initialize("linked", async () => browser)).rejects.toMatchObject({ code: "INVALID" });
    // Its end is not reported as the death of a browser.
    expect(watchEnd).toHaveBeenCalled();
    watchEnd.mockRestore();
    await closing;
    // whatsapp-web.js calls no hook after this one.
    await nothingIsLeft();
    await client.destroy();
  });
});

describe("a session that another process has taken over", () => {
  it("is released, also when the browser cannot be closed", async () => {
    const { client, strategy } = await started();
    client.destroy = () => Promise.reject(new Error("Protocol error: Connection closed."));
    const other = await takeOver(store, session);
    await store.saveProfile({ session, lease: other, capture: captureOf(linkedProfile("of the other")) });
    await expect(strategy.backup()).rejects.toMatchObject({ code: "LEASE_LOST" });
    await other.release();
    await expect.poll(() => store.held, { timeout: 120_000 }).toBe(0);
    expect(client.seen).toContain("lost");
    await expect.poll(signals, { timeout: 120_000 }).toBe(signalsBefore);
    expect(await current()).toContain("of the other");
    await strategy.destroy();
  });
});

describe("READY", () => {
  it("may be seen several times, also after the end of the run, and leaves no timers", async () => {
    const { client } = await started();
    for (let n = 0; n < 5; n++) await client.ready();
    expect(store.held).toBe(1);
    await client.destroy();
    await client.ready();
    await nothingIsLeft();
  });
});

describe("a state that ends the connection", () => {
  it.each(["destroy", "destroy and initialize", "initialize"])(
    "with a `disconnected` handler that calls %s keeps the session",
    async (calls) => {
      const { client, strategy } = await started();
      let handled: Promise<unknown> = Promise.resolve();
      client.once("disconnected", () => {
        if (calls === "initialize") handled = client.initialize("linked");
        else {
          handled = client.destroy();
          if (calls.endsWith("initialize")) handled = handled.then(() => client.initialize("linked"));
        }
      });
      await client.state("CONFLICT");
      await handled;
      expect(client.seen).not.toContain("deleted");
      expect(await current()).toContain("stored");
      if (calls !== "destroy") {
        expect(store.held).toBe(1);
        await strategy.backup();
        await client.destroy();
      }
      await nothingIsLeft();
    },
  );

  it("UNPAIRED of a page that only asks to link deletes nothing", async () => {
    const { client } = await started("qr");
    await client.state("UNPAIRED_IDLE");
    expect(await current()).toContain("stored");
    await nothingIsLeft();
  });

  it("UNPAIRED deletes the session once, also when destroy or logout follows", async () => {
    const { client } = await started();
    let destroyed: Promise<void> | undefined;
    client.once("disconnected", () => {
      destroyed = client.destroy();
    });
    await client.state("UNPAIRED");
    await destroyed;
    expect(client.seen.filter((name) => name === "deleted")).toHaveLength(1);
    expect(await current()).toBeUndefined();
    await nothingIsLeft();
  });
});

describe("a save under way", () => {
  it("when the page asks to link does not make the profile better than the stored session", async () => {
    const { client, strategy } = await started();
    const { reached, go } = store.hold("saved");
    const saving = strategy.backup();
    await reached;
    const asked = strategy.onAuthenticationNeeded();
    go();
    await saving.catch(() => undefined);
    await asked;
    expect(JSON.parse(await readFile(join(dir, ".wa-vault.json"), "utf8"))).toMatchObject({ disowned: true });
    await client.destroy();
  });

  it("stores nothing when another profile has replaced the profile meanwhile", async () => {
    const { client, strategy } = await started();
    const { reached, go } = store.hold("save");
    const saving = strategy.backup();
    await reached;
    await rename(dir, `${dir}.moved`);
    await mkdir(dir);
    go();
    await expect(saving).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(client.seen).not.toContain("saved");
    await client.destroy();
  });
});

describe("LocalAuth", () => {
  function local(): { strategy: LocalAuth; client: ScriptedClient } {
    const strategy = new LocalAuth({ dataPath });
    return { strategy, client: new ScriptedClient(strategy) };
  }

  it("that is destroyed while it starts throws CANCELLED, and leaves no lock and no files", async () => {
    const { client } = local();
    const browser = new ScriptedBrowser();
    await expect(
      client.initialize("linked", async () => {
        await client.destroy();
        return browser;
      }),
    ).rejects.toMatchObject({ code: "CANCELLED" });
    expect(browser.isConnected()).toBe(false);
    await nothingIsLeft();
    await client.initialize("linked");
    await client.destroy();
    await nothingIsLeft();
  });

  it("continues after a logout in the page, also when a listener has destroyed the client", async () => {
    for (const destroys of [false, true]) {
      const { client } = local();
      await client.initialize("linked");
      let destroyed: Promise<void> | undefined;
      client.once("disconnected", () => {
        if (destroys) destroyed = client.destroy();
      });
      await client.loggedOut();
      await destroyed;
      expect(client.lastLoggedOut).toBe(false);
      await client.destroy();
      await nothingIsLeft();
    }
  });

  it("started again by a `disconnected` handler waits for the end of the browser before", async () => {
    const { client } = local();
    await client.initialize("linked");
    const [browser] = [client.pupBrowser];
    let again: Promise<void> | undefined;
    client.once("disconnected", () => {
      again = client.initialize("linked", async () => {
        expect(browser?.isConnected()).toBe(false);
        return new ScriptedBrowser();
      });
    });
    await client.state("CONFLICT");
    await again;
    expect(client.pupBrowser?.isConnected()).toBe(true);
    await client.destroy();
    await nothingIsLeft();
  });
});
