// A bot that is started under another name shows a QR, and its session is there all the same.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { RemoteAuth, type RemoteAuthOptions } from "../../../lib/auth/remote-auth.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { VaultError } from "../../../lib/errors.ts";
import type { SessionStore } from "../../../lib/store.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { captureOf, writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

const folder = useFolder();
let dataPath: string;
let blobs: MemoryBlobs;
let store: Vault;
let warned: string[];
let clients: ScriptedClient[];

beforeEach(() => {
  dataPath = folder();
  blobs = new MemoryBlobs();
  store = new Vault({ blobs, retries: 0 });
  warned = [];
  clients = [];
});
afterEach(async () => {
  for (const client of clients) await client.destroy();
});

const onWarning = (message: string): void => void warned.push(message);

async function save(session: string): Promise<void> {
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, capture: captureOf(linkedProfile("one")), lease });
  await lease.release();
}

/** A new process starts its bot. */
async function start(clientId?: string, options: Partial<RemoteAuthOptions> = {}): Promise<ScriptedClient> {
  const common = { store, dataPath, backupSyncIntervalMs: 60_000, closeOnSignals: false, onWarning };
  return await started(new RemoteAuth({ ...common, clientId, ...options }));
}

async function startLocal(clientId?: string): Promise<ScriptedClient> {
  return await started(new LocalAuth({ dataPath, clientId, closeOnSignals: false, onWarning }));
}

async function started(strategy: RemoteAuth | LocalAuth): Promise<ScriptedClient> {
  const client = new ScriptedClient(strategy);
  clients.push(client);
  await client.initialize("qr");
  return client;
}

const fourMethods: SessionStore = {
  sessionExists: async () => false,
  save: async () => {},
  extract: async () => {},
  delete: async () => {},
};

describe("RemoteAuth whose session is absent", () => {
  it("says which sessions there are, nearest first", async () => {
    for (const name of ["RemoteAuth-sales", "RemoteAuth-support"]) await save(name);
    await start("supprot");
    expect(warned).toEqual([
      "The store has no session RemoteAuth-supprot: this bot links a new device. It has RemoteAuth-support, RemoteAuth-sales.",
    ]);
  });

  it("names a session of Baileys of that name, and no other", async () => {
    for (const session of ["Baileys-support", "Baileys-sales"]) {
      const records = await store.openRecords({ session });
      await records.set(new Map([["creds", Buffer.from("x")]]));
      await records.close();
    }
    await start("support");
    expect(warned).toEqual([expect.stringMatching(/ It has Baileys-support \(of Baileys\)\.$/)]);
  });

  it("says nothing where there is nothing else: not of names that were only taken, nor of its own", async () => {
    await (await store.acquire({ session: "RemoteAuth-other" })).release();
    const first = await start("support");
    await first.destroy();
    await start("support");
    expect(warned).toEqual([]);
  });

  it("says nothing where it opens a session", async () => {
    for (const name of ["RemoteAuth-sales", "RemoteAuth-support"]) await save(name);
    await start("support");
    await writeFiles(linkedProfile("two"), join(dataPath, "RemoteAuth-local"));
    await start("local");
    expect(warned).toEqual([]);
  });

  it.each(["DENIED", "UNAVAILABLE"] as const)("starts all the same where listing is %s", async (code) => {
    await save("RemoteAuth-sales");
    const { list } = blobs;
    blobs.list = (prefix, options) => {
      if (prefix === "_sessions/") throw new VaultError(code, "no");
      return list.call(blobs, prefix, options);
    };
    await start("support");
    expect(warned).toEqual([]);
  });

  it("says once in a process what there is, also after its own logout", async () => {
    await save("RemoteAuth-sales");
    const client = await start("support");
    await client.destroy();
    await client.initialize("qr");
    expect(warned).toHaveLength(1);
  });

  it("names those of a shared store once, and later only one that is near", async () => {
    for (const name of ["RemoteAuth-berlin", "RemoteAuth-customer-7"]) await save(name);
    for (const name of ["paris", "rome", "customer-8", "1"]) await start(name);
    expect(warned).toEqual([expect.stringMatching(/RemoteAuth-paris: .* It has RemoteAuth-berlin, /)]);
    await start("berlni");
    expect(warned.slice(1)).toEqual([
      "The store has no session RemoteAuth-berlni: this bot links a new device. It has RemoteAuth-berlin.",
    ]);
  });

  it("says that the session was deleted, and until when that can be taken back", async () => {
    for (const name of ["RemoteAuth-sales", "RemoteAuth-support"]) await save(name);
    await store.delete({ session: "RemoteAuth-support" });
    await start("support");
    expect(warned).toEqual([
      expect.stringMatching(
        /^RemoteAuth-support was deleted at .*: this bot links a new device\. `undelete` .* until .*Z\.$/,
      ),
    ]);
  });

  it("names the profile of LocalAuth of that name", async () => {
    await writeFiles(linkedProfile("one"), join(dataPath, "session-support"));
    await writeFiles(linkedProfile("one"), join(dataPath, "RemoteAuth-sales"));
    await start("support");
    expect(warned).toEqual([
      `The store has no session RemoteAuth-support: this bot links a new device. ${dataPath} has the profiles session-support.`,
    ]);
  });

  it("names the profiles beside its own, when the store has four methods", async () => {
    for (const name of ["session-support", "RemoteAuth-suport", "wwebjs_temp_session_x", "RemoteAuth-a.unsaved"]) {
      await writeFiles(linkedProfile("one"), join(dataPath, name));
    }
    mkdirSync(join(dataPath, "RemoteAuth-empty"));
    await start("support", { store: fourMethods });
    expect(warned).toEqual([expect.stringMatching(/ has the profiles session-support, RemoteAuth-suport\.$/)]);
  });
});

describe("LocalAuth whose profile is absent", () => {
  it("names the profiles beside it, nearest first", async () => {
    for (const name of ["session-sales", "session-Support", "RemoteAuth-zz", "session-a.unsaved"]) {
      await writeFiles(linkedProfile("one"), join(dataPath, name));
    }
    await startLocal("support");
    expect(warned).toEqual([
      `There is no profile at ${join(dataPath, "session-support")}: this bot links a new device. Beside it are the profiles session-Support, session-sales, RemoteAuth-zz.`,
    ]);
  });

  it("names those beside it once, and later only one that is near", async () => {
    for (const name of ["session-berlin", "session-customer-7", "RemoteAuth-Oslo"]) {
      await writeFiles(linkedProfile("one"), join(dataPath, name));
    }
    for (const name of ["paris", "rome", "customer-8", "1"]) await startLocal(name);
    expect(warned).toEqual([expect.stringMatching(/session-paris: .* profiles .*session-berlin/)]);
    await startLocal("berlin-");
    await startLocal("oslo");
    expect(warned.slice(1)).toEqual([
      expect.stringMatching(/Beside it are the profiles session-berlin\.$/),
      expect.stringMatching(/Beside it are the profiles RemoteAuth-Oslo\.$/),
    ]);
  });

  it("says nothing where there is none, and where it opens its own", async () => {
    mkdirSync(join(dataPath, "session-empty"));
    await startLocal("support");
    await writeFiles(linkedProfile("one"), join(dataPath, "session-sales"));
    await writeFiles(linkedProfile("one"), join(dataPath, "session-own"));
    await startLocal("own");
    expect(warned).toEqual([]);
  });

  it("says nothing after its own logout", async () => {
    for (const name of ["session-support", "session-sales"])
      await writeFiles(linkedProfile("one"), join(dataPath, name));
    const strategy = new LocalAuth({ dataPath, clientId: "support", closeOnSignals: false, onWarning });
    const client = await started(strategy);
    await client.pupBrowser?.close();
    await strategy.logout();
    await client.initialize("qr");
    expect(warned).toEqual([]);
  });
});
