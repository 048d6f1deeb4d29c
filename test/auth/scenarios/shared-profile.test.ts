import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { access, appendFile, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { MemoryStore } from "../../../adapters/memory.ts";
import { LocalAuth, type LocalAuthOptions } from "../../../lib/auth/local-auth.ts";
import { NoAuth } from "../../../lib/auth/no-auth.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { LOOK_TIMES } from "../../../lib/browser/look.ts";
import { identify } from "../../../lib/disk/process-id.ts";
import { profileFiles, writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";
import { onlyLong } from "../../support/length.ts";
import { useLookTimes } from "../../support/look-times.ts";
import { ScriptedBrowser, ScriptedClient } from "../support/scripted-client.ts";

const kinds = ["LocalAuth", "RemoteAuth"] as const;
type Kind = (typeof kinds)[number];
const HELD = { code: "LEASE_HELD", hint: expect.any(String) };
const LOG = "Default/Local Storage/leveldb/000003.log";
/** A hang is noticed by it; nothing that goes well takes it. */
const LIMIT = { timeout: 240_000 };

// A run that goes on while it is looked at has the profile, however short the look.
useLookTimes({ heldMs: 100 });

let dataPath: string;
const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
});

function make(kind: Kind, options: LocalAuthOptions = {}): LocalAuth | RemoteAuth {
  // A start that looks says so.
  const common = { clientId: "x", dataPath, onWarning: () => undefined, ...options };
  if (kind === "LocalAuth") return new LocalAuth(common);
  return new RemoteAuth({ ...common, store: new MemoryStore(), backupSyncIntervalMs: 60_000 });
}

function dirOf(kind: Kind): string {
  return join(dataPath, kind === "LocalAuth" ? "session-x" : "RemoteAuth-x");
}

/** As whatsapp-web.js's client without a browser. */
function emptyClient(): never {
  return Object.assign(new EventEmitter(), { options: { puppeteer: {} }, destroy: async () => {} }) as never;
}

/** A strategy in a client that does nothing by itself. */
function setUp(kind: Kind, options?: LocalAuthOptions): LocalAuth | RemoteAuth {
  const strategy = make(kind, options);
  strategy.setup(emptyClient());
  onTestFinished(() => strategy.destroy());
  return strategy;
}

function every(ms: number, work: () => Promise<unknown>): void {
  const timer = setInterval(() => void work().catch(() => undefined), ms);
  onTestFinished(() => clearInterval(timer));
}

/** A browser with a process of its own, which ends when it is told to. */
class RunningBrowser extends ScriptedBrowser {
  readonly child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore", detached: true });
  readonly exited: Promise<unknown> = once(this.child, "exit");

  constructor() {
    super();
    onTestFinished(() => void this.child.kill("SIGKILL"));
  }

  override process(): never {
    return this.child as never;
  }
}

describe.each(kinds)("%s on a profile with the lock of another container", (kind) => {
  it.each([50, 2_000])("throws LEASE_HELD while its files change, every %i ms", async (ms) => {
    await writeFiles(profileFiles("v"), dirOf(kind));
    await symlink("other-container-27", join(dirOf(kind), "SingletonLock"));
    every(ms, () => appendFile(join(dirOf(kind), LOG), "x"));
    const strategy = setUp(kind);
    await expect(strategy.beforeBrowserInitialized()).rejects.toMatchObject({
      ...HELD,
      message: expect.stringContaining("other-container"),
      owner: "other-container-27",
    });
    expect(await readdir(dirOf(kind))).toContain("SingletonLock");
    expect(await readdir(dataPath)).not.toContain(`${kind}.claim`);
  });

  it("throws LEASE_HELD while the claim of a browser that keeps no lock is touched", async () => {
    await writeFiles(profileFiles("v"), dirOf(kind));
    const claim = { ...(await identify(27)), boot: "another", id: "a", host: "other-container" };
    await writeFile(`${dirOf(kind)}.claim`, JSON.stringify(claim));
    every(500, () => writeFile(`${dirOf(kind)}.claim`, JSON.stringify(claim), { flag: "r+" }));
    await expect(setUp(kind).beforeBrowserInitialized()).rejects.toMatchObject({
      ...HELD,
      message: expect.stringContaining("process 27 of other-container"),
      owner: "other-container-27",
    });
  });

  it("ends the look when the client is destroyed", async () => {
    await writeFiles(profileFiles("v"), dirOf(kind));
    const claim = JSON.stringify({ ...(await identify(27)), boot: "another", id: "a", host: "other-container" });
    await writeFile(`${dirOf(kind)}.claim`, claim);
    const strategy = setUp(kind);
    const starting = strategy.beforeBrowserInitialized();
    starting.catch(() => undefined);
    await strategy.destroy();
    await expect(starting).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await readFile(`${dirOf(kind)}.claim`, "utf8")).toBe(claim);
  });
});

describe.each(kinds)("%s on a profile of another container that is at rest", (kind) => {
  // A look of this length is told of.
  useLookTimes({ claimMs: 2_500, lockMs: 300 });

  it.each(kind === "LocalAuth" ? ["a lock"] : onlyLong("a lock"))("opens it when there is %s", async () => {
    await writeFiles(profileFiles("v"), dirOf(kind));
    await symlink("other-container-27", join(dirOf(kind), "SingletonLock"));
    await setUp(kind).beforeBrowserInitialized();
    expect(await readdir(dirOf(kind))).not.toContain("SingletonLock");
  });

  it.each(kind === "RemoteAuth" ? ["once"] : onlyLong("once"))(
    "looks %s at the files when there are a claim and a lock",
    async () => {
      await writeFiles(profileFiles("v"), dirOf(kind));
      const claim = { ...(await identify(27)), boot: "another", id: "a", host: "other-container" };
      await writeFile(`${dirOf(kind)}.claim`, JSON.stringify(claim));
      await symlink("other-container-27", join(dirOf(kind), "SingletonLock"));
      const warnings: string[] = [];
      const strategy = setUp(kind, { onWarning: (message) => void warnings.push(message) });
      const timer = performance.now();
      await strategy.beforeBrowserInitialized();
      expect(performance.now() - timer).toBeGreaterThanOrEqual(LOOK_TIMES.claimMs);
      expect(warnings.filter((warning) => warning.startsWith("Looking for up to"))).toHaveLength(1);
      expect(await readdir(dirOf(kind))).not.toContain("SingletonLock");
      expect(JSON.parse(await readFile(`${dirOf(kind)}.claim`, "utf8"))).toMatchObject({ pid: process.pid });
    },
  );
});

describe.each(kinds)("%s twice on one profile", (kind) => {
  it("gives the second LEASE_HELD until the first has ended, also with a browser that keeps no lock", async () => {
    const first = new ScriptedClient(make(kind));
    await first.initialize("linked");
    const second = make(kind);
    const client = new ScriptedClient(second);
    await expect(client.initialize("linked")).rejects.toMatchObject(HELD);
    expect(client.pupBrowser).toBeNull();
    await first.destroy();
    await client.initialize("linked");
    await client.destroy();
    expect((await readdir(dataPath)).filter((name) => name.endsWith(".claim"))).toEqual([]);
  });

  it("gives the second LEASE_HELD while the browser of the first has not ended, although it was destroyed", async () => {
    const first = new ScriptedClient(make(kind));
    const browser = new RunningBrowser();
    await first.initialize("linked", async () => browser);
    await first.destroy();
    const client = new ScriptedClient(make(kind));
    await expect(client.initialize("linked")).rejects.toMatchObject(HELD);
    browser.child.kill("SIGKILL");
    await browser.exited;
    await expect.poll(() => readdir(dataPath), LIMIT).not.toContain(`${dirOf(kind).split("/").at(-1)}.claim`);
    await client.initialize("linked");
    await client.destroy();
  });

  it("gives the second LEASE_HELD while the browser of the first is being launched, although it was destroyed", async () => {
    const first = new ScriptedClient(make(kind));
    const [launching, goes] = [gate(), gate()];
    const starting = first.initialize("linked", async () => {
      launching.open();
      await goes.opened;
      return new ScriptedBrowser();
    });
    starting.catch(() => undefined);
    await launching.opened;
    await first.destroy();
    const client = new ScriptedClient(make(kind));
    await expect(client.initialize("linked")).rejects.toMatchObject(HELD);
    goes.open();
    await expect(starting).rejects.toMatchObject({ code: "CANCELLED" });
    await client.initialize("linked");
    await client.destroy();
  });

  it("removes the profile of a logout before another client may open it", async () => {
    const first = new ScriptedClient(make(kind));
    await first.initialize("linked");
    const second = setUp(kind);
    await first.logout();
    await expect(access(dirOf(kind))).rejects.toMatchObject({ code: "ENOENT" });
    await second.beforeBrowserInitialized();
    // A second report of the logout must not take the profile of the second client.
    await first.logout().catch(() => undefined);
    await access(dirOf(kind));
  });
});

describe.each(kinds)("%s whose profile another process has taken", (kind) => {
  it("ends its browser at once, and the client, without a save", async () => {
    const warnings: string[] = [];
    const strategy = make(kind, { onWarning: (message) => void warnings.push(message) });
    const client = new ScriptedClient(strategy);
    const browser = new RunningBrowser();
    await client.initialize("linked", async () => browser);
    const path = `${dirOf(kind)}.claim`;
    await rm(path);
    const taken = JSON.stringify({ ...(await identify(27)), boot: "another", id: "a", host: "other-container" });
    await writeFile(path, taken);
    expect(await browser.exited).toEqual([null, "SIGKILL"]);
    await expect.poll(() => client.pupBrowser?.isConnected(), LIMIT).toBe(false);
    if (kind === "RemoteAuth") {
      expect(client.seen).toContain("lost");
      expect(client.seen).not.toContain("saved");
    } else {
      expect(warnings).toEqual([expect.stringMatching(/was taken by process 27 of other-container/)]);
    }
    await client.destroy();
    expect(await readFile(path, "utf8")).toBe(taken);
  });
});

describe.each(kinds)("one %s for two clients", (kind) => {
  const INVALID = expect.objectContaining({ code: "INVALID", hint: expect.stringContaining("destroy()") });

  it("is refused at the second, while the first uses it", async () => {
    const strategy = make(kind);
    const [a, b] = [emptyClient(), emptyClient()];
    strategy.setup(a);
    strategy.setup(a);
    expect(() => strategy.setup(b)).toThrow(INVALID);
    expect(strategy.client).toBe(a);
    await strategy.beforeBrowserInitialized();
    expect(() => strategy.setup(b)).toThrow(INVALID);
    const destroyed = strategy.destroy();
    expect(() => strategy.setup(b)).toThrow(INVALID);
    await destroyed;
    strategy.setup(b);
    expect(strategy.client).toBe(b);
    await strategy.beforeBrowserInitialized();
    await strategy.destroy();
  });

  it("is free after a logout, and after a start that has failed and left no browser", async () => {
    const strategy = make(kind);
    const first = new ScriptedClient(strategy);
    await first.initialize("linked");
    await first.logout();
    // It has no profile yet, which the next one makes.
    const second = new ScriptedClient(strategy);
    const fails = () => Promise.reject(new Error("Failed to launch the browser process!"));
    await expect(second.initialize("linked", fails)).rejects.toThrow("Failed to launch");
    await rm(dirOf(kind), { recursive: true });
    await writeFile(dirOf(kind), "no directory");
    const third = new ScriptedClient(strategy);
    await expect(third.initialize("linked")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await rm(dirOf(kind));
    const fourth = new ScriptedClient(strategy);
    await fourth.initialize("linked");
    expect(() => new ScriptedClient(strategy)).toThrow(INVALID);
    // What belongs to no client of it any more starts no browser with it.
    await expect(first.initialize("linked")).rejects.toMatchObject({ code: "INVALID" });
    await fourth.destroy();
  });
});

it("NoAuth may be shared", () => {
  const strategy = new NoAuth();
  strategy.setup(emptyClient());
  strategy.setup(emptyClient());
});

it("a subclass that tries again after an error goes on", async () => {
  for (const kind of kinds) {
    const strategy = make(kind);
    let launches = 0;
    class Bot extends ScriptedClient {
      override async initialize(page: "linked"): Promise<void> {
        const launch = async (): Promise<ScriptedBrowser> => {
          launches += 1;
          return new ScriptedBrowser();
        };
        await super.initialize("navigated", launch).catch(() => undefined);
        await super.initialize(page, launch);
      }
    }
    const bot = new Bot(strategy);
    await mkdir(dataPath, { recursive: true });
    await bot.initialize("linked");
    expect(launches).toBe(2);
    await bot.destroy();
    launches = 0;
  }
});
