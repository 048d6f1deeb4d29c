import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { LocalAuth } from "../../lib/auth/local-auth.ts";
import { RemoteAuth, type RemoteAuthOptions } from "../../lib/auth/remote-auth.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { VaultError } from "../../lib/errors.ts";
import type { SessionStore } from "../../lib/store.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { PHONE, session } from "../auth/support/ladder.ts";
import { linkedProfile } from "../auth/support/linked-profile.ts";
import { ScriptedClient } from "../auth/support/scripted-client.ts";
import { captureOf, writeFiles, writeZip } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { useLookTimes } from "../support/look-times.ts";
import { useOwnDirectory } from "../support/own-directory.ts";
import { expectWarning } from "../support/warnings.ts";
import { outage, Requests } from "../vault/support/requests.ts";
import { inShort, listen, on, type Told } from "./support/listen.ts";

expectWarning(/WhatsApp|session/);

useOwnDirectory();
// Who goes on while it is looked at has the profile, however short the look.
useLookTimes({ heldMs: 100 });
const folder = useFolder();

let dataPath: string;
let told: Told[];

beforeEach(() => {
  dataPath = folder();
  told = listen();
});

/** A store with four methods, that keeps one zip in memory. */
class ShelfStore implements SessionStore {
  zip: Buffer | undefined;
  fails: string | undefined;

  async sessionExists(): Promise<boolean> {
    this.#mayFail("sessionExists");
    return this.zip !== undefined;
  }

  async save({ path = "" }: { path?: string }): Promise<void> {
    this.#mayFail("save");
    this.zip = await readFile(path);
  }

  async extract({ path }: { path: string }): Promise<void> {
    this.#mayFail("extract");
    await writeFile(path, this.zip ?? "");
  }

  async delete(): Promise<void> {
    this.#mayFail("delete");
    this.zip = undefined;
  }

  #mayFail(method: string): void {
    if (this.fails === method) throw new Error("password=hunter2 at mongodb://anna:hunter2@db");
  }
}

/** A store with all methods that is not of this package: nobody tells but the strategy. */
function foreignStore(): Vault {
  const vault = new Vault({ blobs: new MemoryBlobs() });
  const foreign: Record<string, unknown> = { constructor: class ForeignStore {} };
  for (const name of ["sessionExists", "save", "extract", "delete", "state", "acquire", "restoreProfile", "mark"]) {
    foreign[name] = Reflect.get(vault, name).bind(vault);
  }
  return Object.assign(foreign, { saveProfile: vault.saveProfile.bind(vault) }) as unknown as Vault;
}

function client(store: SessionStore, options: Partial<RemoteAuthOptions> = {}): ScriptedClient {
  const common = { backupSyncIntervalMs: 60_000, closeOnSignals: false, onWarning: () => {} };
  return new ScriptedClient(new RemoteAuth({ store, dataPath, ...common, ...options }));
}

/** What was told, but for saves: the backup loop makes some as well. Each of them is an event of the client, too. */
function besidesSaves(...bots: readonly ScriptedClient[]): string[] {
  const saves = told.filter(({ on: name }) => name === "save");
  const events = bots.flatMap(({ seen }) => seen.filter((name) => name === "saved"));
  expect(saves.length).toBe(events.length);
  return inShort(told).filter((line) => !line.startsWith("save"));
}

async function link(bot: ScriptedClient): Promise<void> {
  await bot.initialize("qr");
  await writeFiles(linkedProfile("one"), join(dataPath, session));
  await bot.ready();
}

describe("RemoteAuth on a store of this package", () => {
  it("is told by the store alone, each event once", async () => {
    const store = new Vault({ blobs: new MemoryBlobs() });
    const bot = client(store);
    await link(bot);
    await (bot.authStrategy as RemoteAuth).backup();
    await bot.destroy();
    expect(besidesSaves(bot)).toEqual(["lease acquired", "link code", "lease released"]);
    expect(told[1]).toEqual({ on: "link", session, store: "memory", wasStored: false, wasReady: false, next: "code" });
    told.length = 0;
    await rm(join(dataPath, session), { recursive: true });
    const again = client(store);
    await again.initialize("linked");
    await again.destroy();
    const names = besidesSaves(again).filter((name) => !name.startsWith("mark"));
    expect(names).toEqual(["lease acquired", "restore profile", "lease released"]);
    expect(new Set(told.map(({ store: kind }) => kind))).toEqual(new Set(["memory"]));
  });

  it("with zips is told by the store as well: one restore, one save", async () => {
    const store = new Vault({ blobs: new MemoryBlobs() });
    const bot = client(store, { archive: "zip" });
    await link(bot);
    await bot.destroy();
    await rm(join(dataPath, session), { recursive: true });
    const again = client(store, { archive: "zip" });
    await again.initialize("linked");
    await again.destroy();
    expect(besidesSaves(bot, again)).toEqual(["link code", "restore zip"]);
    expect(new Set(told.map(({ form }) => form))).toEqual(new Set([undefined, "zip"]));
  });

  it("tells a failed save once, by backup and by the last save", async () => {
    const requests = Object.assign(new Requests(new MemoryBlobs()), { kind: "memory" });
    const bot = client(new Vault({ blobs: requests, retries: 0 }));
    await link(bot);
    requests.intercept = (name, key, go) =>
      name === "put" && !key.includes("/lease/") ? Promise.reject(outage()) : go();
    told.length = 0;
    await expect((bot.authStrategy as RemoteAuth).backup()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await bot.destroy();
    const lines = inShort(told).filter((line) => !line.startsWith("save"));
    // One for `backup`, which rejects, and one for each that the client tells as an event.
    expect(lines.slice(0, -1)).toEqual(["backup", ...bot.errors].map(() => "error save UNAVAILABLE"));
    expect(lines.at(-1)).toBe("lease released");
  });

  it("tells a profile that cannot be captured once: the store was not asked", async () => {
    const bot = client(new Vault({ blobs: new MemoryBlobs() }));
    await link(bot);
    await rm(join(dataPath, session, "Default"), { recursive: true });
    told.length = 0;
    await expect((bot.authStrategy as RemoteAuth).backup()).rejects.toThrow();
    await bot.destroy();
    const errors = inShort(told).filter((name) => name.startsWith("error"));
    expect(errors.length).toBe(1 + bot.errors.length);
    for (const error of errors) expect(error).toMatch(/^error save /);
  });

  it("tells a start that the store refuses once", async () => {
    const blobs = new Requests(new MemoryBlobs());
    const store = new Vault({ blobs, retries: 0 });
    await store.acquire({ session });
    told.length = 0;
    await expect(client(new Vault({ blobs }), { leaseWaitMs: 0 }).initialize("linked")).rejects.toMatchObject({
      code: "LEASE_HELD",
    });
    expect(inShort(told)).toEqual(["error acquire LEASE_HELD"]);
  });

  it("tells a start that the local profile refuses once", async () => {
    const store = new Vault({ blobs: new MemoryBlobs() });
    const bot = client(store);
    await link(bot);
    told.length = 0;
    await expect(client(store, { leaseWaitMs: 0 }).initialize("linked")).rejects.toMatchObject({ code: "LEASE_HELD" });
    const errors = inShort(told).filter((line) => !line.startsWith("save"));
    expect(errors).toEqual(["error start LEASE_HELD"]);
    await bot.destroy();
  });

  it("tells when a QR is shown for a session that was stored, and no error beside it", async () => {
    const blobs = new MemoryBlobs();
    const store = new Vault({ blobs });
    const lease = await store.acquire({ session });
    const { generation } = await store.saveProfile({
      session,
      lease,
      wid: PHONE,
      capture: captureOf(linkedProfile("one")),
    });
    await lease.release();
    told.length = 0;
    const bot = client(store, { rollbackOnAuthFailure: 0 });
    await bot.initialize("qr");
    await bot.destroy();
    expect(inShort(told)).toEqual([
      "lease acquired",
      "restore profile",
      "mark rejected",
      "link code",
      "lease released",
    ]);
    const link = { on: "link", session, store: "memory", wasStored: true, wasReady: false, next: "code", generation };
    expect(told[3]).toEqual(link);
  });

  it("tells each step back to an older generation, and the rollback", async () => {
    const blobs = new MemoryBlobs();
    const store = new Vault({ blobs });
    const lease = await store.acquire({ session });
    const save = (name: string) =>
      store.saveProfile({ session, lease, wid: PHONE, capture: captureOf(linkedProfile(name)) });
    const { generation: first } = await save("one");
    await store.mark({ session, lease, generation: first, as: "proven" });
    const { generation: second } = await save("two");
    await lease.release();
    told.length = 0;
    const bot = client(store);
    await bot.initialize(["qr", "linked"]);
    const rolledBack = new Promise<void>((resolve) => on("wa-vault:rollback", () => resolve()));
    if (!told.some(({ on: name }) => name === "rollback")) await rolledBack;
    await bot.destroy();
    expect(told.filter(({ on: name }) => name === "link")).toEqual([
      expect.objectContaining({ wasStored: true, next: "older", generation: second }),
    ]);
    expect(told.filter(({ on: name }) => name === "rollback")).toEqual([
      expect.objectContaining({ generation: first, from: second }),
    ]);
    expect(told.filter(({ on: name }) => name === "restore").map(({ generation }) => generation)).toEqual([
      second,
      first,
    ]);
  });

  it("tells a lost lease once, and no error beside it", async () => {
    const blobs = new MemoryBlobs();
    const bot = client(new Vault({ blobs }));
    await link(bot);
    const lost = new Promise((resolve) => bot.once("remote_session_lost", resolve));
    told.length = 0;
    await new Vault({ blobs }).breakLease({ session });
    await (bot.authStrategy as RemoteAuth).backup().catch(() => {});
    await lost;
    await bot.destroy();
    const lines = inShort(told).filter((line) => !line.startsWith("save") && !line.startsWith("error save"));
    expect(lines).toEqual(["lease broken", "lease lost"]);
  });

  it("tells a browser that died once", async () => {
    const bot = client(new Vault({ blobs: new MemoryBlobs() }));
    await link(bot);
    told.length = 0;
    const released = new Promise<void>((resolve) => {
      on("wa-vault:lease", ({ change }) => change === "released" && resolve());
    });
    await bot.pupBrowser?.close();
    await released;
    const lines = inShort(told).filter((line) => !line.startsWith("save"));
    expect(lines).toEqual(["error run UNAVAILABLE", "lease released"]);
    await bot.destroy();
  });

  it("tells a logout as a deletion, once", async () => {
    const bot = client(new Vault({ blobs: new MemoryBlobs() }));
    await link(bot);
    await (bot.authStrategy as RemoteAuth).backup();
    told.length = 0;
    await bot.logout();
    expect(inShort(told).filter((line) => !line.startsWith("save"))).toEqual(["delete deleted", "lease released"]);
  });
});

describe("RemoteAuth on a store with four methods", () => {
  it("tells saves, restores and deletions itself", async () => {
    const store = new ShelfStore();
    const bot = client(store);
    await link(bot);
    await (bot.authStrategy as RemoteAuth).backup();
    await bot.destroy();
    expect(besidesSaves(bot)).toEqual(["link code"]);
    const saved = { on: "save", session, store: "ShelfStore", form: "zip", generation: 0, retries: 0 };
    expect(told[1]).toEqual(expect.objectContaining({ ...saved, unchanged: false, chunksSent: 1 }));
    expect(told.at(-1)).toEqual(expect.objectContaining({ ...saved, unchanged: true, bytesSent: 0 }));
    expect(told[1]).not.toHaveProperty("epoch");
    told.length = 0;
    await rm(join(dataPath, session), { recursive: true });
    const again = client(store);
    await again.initialize("linked");
    await again.logout();
    expect(inShort(told)).toEqual(["restore zip", "delete deleted"]);
  });

  it.each([
    ["sessionExists", ["error restore UNAVAILABLE"]],
    ["extract", ["error restore UNAVAILABLE"]],
  ])("tells a start that %s has failed once, without its text", async (method, expected) => {
    const store = new ShelfStore();
    const path = join(folder(), "one.zip");
    await writeZip(linkedProfile("one"), path);
    store.zip = await readFile(path);
    store.fails = method;
    await expect(client(store).initialize("linked")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(inShort(told)).toEqual(expected);
    expect(JSON.stringify(told)).not.toContain("hunter2");
  });

  it("tells a save that has failed once, by backup and by the last save", async () => {
    const store = new ShelfStore();
    const bot = client(store);
    await link(bot);
    store.fails = "save";
    told.length = 0;
    await expect((bot.authStrategy as RemoteAuth).backup()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await bot.destroy();
    const lines = inShort(told).filter((line) => !line.startsWith("save"));
    expect(lines).toEqual(["backup", ...bot.errors].map(() => "error save UNAVAILABLE"));
  });
});

describe("RemoteAuth on a store with all methods that wraps another", () => {
  it("tells nothing that the inner store has told", async () => {
    const bot = client(foreignStore());
    await link(bot);
    await bot.destroy();
    expect(besidesSaves(bot)).toEqual(["lease acquired", "link code", "lease released"]);
  });

  it("tells saves and errors itself when nobody else does", async () => {
    const store = foreignStore();
    const report = { generation: 7, id: "id", unchanged: false, files: 1, bytes: 1, bytesSent: 1 };
    store.saveProfile = async () => ({ ...report, chunksSent: 1, chunksReused: 0, captureMs: 0, ms: 1 });
    const bot = client(store);
    await link(bot);
    await (bot.authStrategy as RemoteAuth).backup();
    store.saveProfile = async () => {
      throw new VaultError("TOO_LARGE", "It is too large.");
    };
    await bot.destroy();
    expect(besidesSaves(bot)).toEqual(["lease acquired", "link code", "error save TOO_LARGE", "lease released"]);
    expect(told[2]).toMatchObject({ store: "ForeignStore", generation: 7 });
  });
});

describe("LocalAuth", () => {
  it("tells a start that its profile refuses", async () => {
    const strategy = (): LocalAuth => new LocalAuth({ dataPath, closeOnSignals: false, onWarning: () => {} });
    const one = new ScriptedClient(strategy());
    await one.initialize("linked");
    await expect(new ScriptedClient(strategy()).initialize("linked")).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(told).toEqual([
      expect.objectContaining({
        on: "error",
        operation: "start",
        session: "session",
        store: "local",
        code: "LEASE_HELD",
      }),
    ]);
    await one.destroy();
  });
});
