import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { Lease, SessionFacts, SessionSummary } from "../../lib/store.ts";
import { entryKey, logPrefix, sessionKey } from "../../lib/vault/layout.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { outage, Requests } from "./support/requests.ts";

const folder = useFolder();
const me = `${hostname()}:${process.pid}`;
let backend: MemoryBlobs;
let requests: Requests;
let store: Vault;

beforeEach(() => {
  backend = new MemoryBlobs();
  requests = new Requests(backend);
  store = open();
});

function open(options: VaultOptions = {}): Vault {
  return new Vault({ blobs: requests, retries: 0, retryDelayMs: 0, ...options });
}

async function save(session: string, name = "one", to: Vault = store): Promise<Lease> {
  const lease = await to.acquire({ session });
  await to.saveProfile({ session, capture: captureOf(profileFiles(name)), lease });
  return lease;
}

async function listed(from: Vault = store, signal?: AbortSignal): Promise<Map<string, SessionSummary>> {
  const found = new Map<string, SessionSummary>();
  const options = signal ? ({ details: true, signal } as const) : ({ details: true } as const);
  for await (const one of from.sessions(options)) {
    expect(found.has(one.session)).toBe(false);
    found.set(one.session, one);
  }
  return found;
}

async function factsOf(session: string, from?: Vault): Promise<SessionFacts> {
  const found = (await listed(from)).get(session);
  if (!found || found.problem) throw new Error(`There are no facts of ${session}.`, { cause: found?.problem });
  return found;
}

async function namesOf(from: Vault): Promise<string[]> {
  const names: string[] = [];
  for await (const name of from.sessions()) names.push(name);
  return names.sort();
}

/** Lets the requests for a session fail, but for the list of sessions. */
function fail(session: string, error: VaultError): void {
  requests.intercept = (_call, key, go) => (key.startsWith(`${session}/`) ? Promise.reject(error) : go());
}

describe("the details of a session", () => {
  it("tell its generation, size, kind and holder", async () => {
    const before = Date.now();
    const lease = await save("RemoteAuth-a");
    const state = await store.state({ session: "RemoteAuth-a" });
    const facts = await factsOf("RemoteAuth-a");
    expect(facts).toEqual({
      session: "RemoteAuth-a",
      kind: "profile",
      saved: state?.current,
      generations: 1,
      oldestAt: state?.current?.at,
      changedAt: state?.current?.at,
      holder: me,
      lease: {
        owner: me,
        since: state?.lease?.since,
        expiresAt: expect.any(Date),
        ttlMs: 60_000,
        renewals: expect.any(Number),
      },
      profile: { browserVersion: "156.0.8078.73", localStorage: "leveldb" },
    });
    expect(await store.facts({ session: "RemoteAuth-a" })).toEqual(facts);
    expect(await store.facts({ session: "RemoteAuth-none" })).toBeUndefined();
    expect(facts.lease?.expiresAt.getTime()).toBeGreaterThanOrEqual(before + 60_000);
    expect(facts.saved?.keyId).toBeUndefined();
    await lease.release();
    expect(await factsOf("RemoteAuth-a")).toMatchObject({ holder: me });
    expect((await factsOf("RemoteAuth-a")).lease).toBeUndefined();
  });

  it("tell of older generations how many there are, and since when", async () => {
    const lease = await save("RemoteAuth-a", "one");
    const first = (await store.state({ session: "RemoteAuth-a" }))?.current;
    await store.saveProfile({ session: "RemoteAuth-a", capture: captureOf(profileFiles("two")), lease });
    const { saved, generations, oldestAt } = await factsOf("RemoteAuth-a");
    expect({ generations, oldestAt }).toEqual({ generations: 2, oldestAt: first?.at });
    expect(saved?.generation).toBeGreaterThan(first?.generation ?? Number.NaN);
  });

  it("tell of a deleted session what `undelete` brings back, and until when", async () => {
    const lease = await save("RemoteAuth-a");
    await store.delete({ session: "RemoteAuth-a", lease, retainMs: 3_600_000 });
    const { deleted, saved, generations } = await factsOf("RemoteAuth-a");
    expect(Number(deleted?.until) - Number(deleted?.at)).toBe(3_600_000);
    expect(saved?.files).toBe(Object.keys(profileFiles("one")).length);
    expect(generations).toBe(1);
    expect((await store.state({ session: "RemoteAuth-a" }))?.deleted).toEqual(deleted);
  });

  it("tell nothing saved of a session that is deleted for good, or was only taken", async () => {
    const lease = await save("RemoteAuth-gone");
    await store.delete({ session: "RemoteAuth-gone", lease, retainMs: 0 });
    await store.acquire({ session: "RemoteAuth-taken" });
    for (const name of ["RemoteAuth-gone", "RemoteAuth-taken"]) {
      const facts = await factsOf(name);
      expect(facts).toMatchObject({ generations: 0, holder: me });
      expect([facts.kind, facts.saved, facts.oldestAt]).toEqual([undefined, undefined, undefined]);
    }
  });

  it("tell a session of Baileys from one of a browser", async () => {
    const records = await store.openRecords({ session: "Baileys-a" });
    await records.set(new Map([["creds", Buffer.from("x")]]));
    expect(await factsOf("Baileys-a")).toMatchObject({
      kind: "records",
      generations: 1,
      saved: { files: 1, bytes: 1 },
    });
    await records.close();
  });

  it("cost a listing and the newest entry, and for a lease at most two requests more", async () => {
    const lease = await save("RemoteAuth-a");
    requests.take();
    await listed();
    const kinds = (): string[] => requests.take().map((one) => one.replace(/\d{16}(-\w+)?/g, "n"));
    const [list, log, entry] = ["list _sessions/", "list RemoteAuth-a/log/", "get RemoteAuth-a/log/n"];
    expect(kinds()).toEqual([list, log, entry, "list RemoteAuth-a/lease/n/", "get RemoteAuth-a/lease/n/n"]);
    await lease.release();
    requests.take();
    await listed();
    expect(kinds()).toEqual([list, log, entry, "list RemoteAuth-a/lease/n/"]);
    await store.delete({ session: "RemoteAuth-a" });
    requests.take();
    await listed();
    expect(kinds()).toEqual([list, log, entry]);
  });
});

describe("a session that cannot be read", () => {
  it.each(["UNAVAILABLE", "DENIED", "CORRUPT", "INVALID", "CANCELLED"] as const)(
    "is listed with its problem: %s",
    async (code) => {
      for (const name of ["RemoteAuth-a", "RemoteAuth-b", "RemoteAuth-c"]) await save(name);
      const problem = new VaultError(code, "as it is");
      fail("RemoteAuth-b", problem);
      const found = await listed();
      expect([...found.keys()].sort()).toEqual(["RemoteAuth-a", "RemoteAuth-b", "RemoteAuth-c"]);
      expect(found.get("RemoteAuth-b")).toMatchObject({
        problem: { code, message: expect.stringContaining("as it is") },
      });
      for (const name of ["RemoteAuth-a", "RemoteAuth-c"]) expect(found.get(name)?.problem).toBeUndefined();
    },
  );

  it.each(["UNAVAILABLE", "DENIED", "CORRUPT", "CANCELLED"] as const)(
    "but for its lease is listed with its facts, and what is wrong with the lease: %s",
    async (code) => {
      for (const name of ["RemoteAuth-a", "RemoteAuth-b"]) await save(name);
      const broken = (): Error => new VaultError(code, "as it is");
      const check = async (): Promise<void> => {
        const found = await listed();
        const facts = found.get("RemoteAuth-a");
        expect(facts).toMatchObject({ kind: "profile", generations: 1, holder: me, leaseProblem: { code } });
        expect([facts?.problem, Object.hasOwn(facts ?? {}, "lease")]).toEqual([undefined, false]);
        const other = found.get("RemoteAuth-b");
        expect(other).toMatchObject({ lease: { owner: me } });
        expect(Object.hasOwn(other ?? {}, "leaseProblem")).toBe(false);
      };
      const isOfLease = (key: string): boolean => key.startsWith("RemoteAuth-a/lease/");
      requests.intercept = (call, key, go) => (call === "get" && isOfLease(key) ? Promise.reject(broken()) : go());
      await check();
      requests.passAll();
      const { list } = backend;
      backend.list = (prefix, options) => {
        if (isOfLease(prefix)) throw broken();
        return list.call(backend, prefix, options);
      };
      await check();
    },
  );

  it("is listed when its newest entry is damaged, empty, or of something else", async () => {
    for (const name of ["RemoteAuth-a", "RemoteAuth-b", "RemoteAuth-c", "RemoteAuth-d"]) await save(name);
    await backend.put(entryKey("RemoteAuth-a", 2), Buffer.from("no frame"));
    await backend.put(entryKey("RemoteAuth-b", 2), Buffer.alloc(0));
    const other = await backend.get(entryKey("RemoteAuth-d", 2));
    await backend.put(entryKey("RemoteAuth-c", 2), other ?? Buffer.alloc(0));
    const found = await listed();
    for (const name of ["RemoteAuth-a", "RemoteAuth-b", "RemoteAuth-c"]) {
      expect(isVaultError(found.get(name)?.problem, "CORRUPT"), name).toBe(true);
    }
    expect(found.get("RemoteAuth-d")).toMatchObject({ kind: "profile" });
  });

  it("is listed when all of its log is lost", async () => {
    await save("RemoteAuth-a");
    const keys: string[] = [];
    for await (const { key } of backend.list(logPrefix("RemoteAuth-a"))) keys.push(key);
    await backend.delete(keys);
    expect((await listed()).get("RemoteAuth-a")?.problem).toMatchObject({ code: "CORRUPT" });
  });

  it("is listed by a store without its key, which can tell the names all the same", async () => {
    const key = randomBytes(32);
    await save("RemoteAuth-secret", "one", open({ encryption: { key } }));
    await save("RemoteAuth-plain");
    expect(await namesOf(store)).toEqual(["RemoteAuth-plain", "RemoteAuth-secret"]);
    const found = await listed();
    expect(found.get("RemoteAuth-secret")?.problem).toMatchObject({ code: "WRONG_KEY" });
    expect(found.get("RemoteAuth-plain")?.problem).toBeUndefined();
    const { saved } = await factsOf("RemoteAuth-secret", open({ encryption: { key } }));
    expect(saved?.keyId).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe("an outage", () => {
  it("of the whole store is thrown, not listed", async () => {
    await save("RemoteAuth-a");
    backend.list = () => {
      throw outage();
    };
    await expect(listed()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(namesOf(store)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("that begins after the names were listed is thrown, and ends the listing", async () => {
    for (let n = 0; n < 30; n++) await save(`RemoteAuth-${n}`);
    const { list } = backend;
    let isAway = false;
    backend.list = (prefix, options) => {
      if (isAway) throw outage();
      return list.call(backend, prefix, options);
    };
    requests.intercept = (_call, _key, go) => {
      isAway = true;
      return go();
    };
    requests.take();
    await expect(listed()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(requests.take().length).toBeLessThan(30);
  });
});

describe("a listing", () => {
  it("leaves out what is no session", async () => {
    await save("RemoteAuth-a");
    for (const name of ["_x", ".DS_Store", "a.b", "a/b", "x".repeat(129)]) {
      await backend.put(`_sessions/${name}`, Buffer.from("x"));
    }
    await backend.put("somebody/else", Buffer.from("x"));
    expect(await namesOf(store)).toEqual(["RemoteAuth-a"]);
    expect([...(await listed()).keys()]).toEqual(["RemoteAuth-a"]);
  });

  it("has names of the greatest length, and of one letter", async () => {
    const names = ["x".repeat(128), "y"];
    for (const name of names) await save(name);
    expect(await namesOf(store)).toEqual(names);
    expect([...(await listed()).values()].map(({ problem }) => problem)).toEqual([undefined, undefined]);
  });

  it("leaves out a session that has gone since it was listed, and one that was never announced", async () => {
    await save("RemoteAuth-a");
    await save("RemoteAuth-b");
    await backend.delete([sessionKey("RemoteAuth-b")]);
    requests.intercept = async (call, key, go) => {
      const answer = await go();
      if (call === "get" && key.startsWith("RemoteAuth-a/log/"))
        await backend.delete([key, entryKey("RemoteAuth-a", 1)]);
      return answer;
    };
    expect([...(await listed()).keys()]).toEqual(["RemoteAuth-a"]);
    await backend.delete([sessionKey("RemoteAuth-a")]);
    expect(await namesOf(store)).toEqual([]);
  });

  it("reads eight sessions at once, of thousands, and their names as it needs them", async () => {
    let [listedNames, yielded, ahead, now, most] = [0, 0, 0, 0, 0];
    const at = { size: 0, modifiedAt: new Date() };
    backend.list = async function* (prefix) {
      if (prefix !== "_sessions/") return yield { key: `${prefix}${"1".padStart(16, "0")}`, ...at };
      for (listedNames = 1; listedNames <= 3_000; listedNames++) {
        ahead = Math.max(ahead, listedNames - yielded);
        yield { key: `${prefix}RemoteAuth-${listedNames}`, ...at };
      }
    };
    requests.intercept = async (_call, _key, go) => {
      most = Math.max(most, ++now);
      await setImmediate();
      now--;
      return await go();
    };
    backend.get = async () => Buffer.from("no frame");
    for await (const { session, problem } of store.sessions({ details: true })) {
      expect(session).toBe(`RemoteAuth-${++yielded}`);
      expect(problem?.code).toBe("CORRUPT");
    }
    expect({ yielded, most }).toEqual({ yielded: 3_000, most: 8 });
    expect(ahead).toBeLessThan(12);
  });

  it("can be ended by its reader, and by a signal", async () => {
    for (let n = 0; n < 20; n++) await save(`RemoteAuth-${n}`);
    requests.take();
    for await (const { session } of store.sessions({ details: true })) {
      expect(session).toBe("RemoteAuth-0");
      break;
    }
    expect(requests.take().length).toBeLessThan(60);
    const controller = new AbortController();
    const reason = new Error("enough");
    requests.intercept = (_call, _key, go) => {
      controller.abort(reason);
      return go();
    };
    await expect(listed(store, controller.signal)).rejects.toBe(reason);
  });

  it("of a directory leaves out what the system puts there", async () => {
    const directory = folder();
    const files = new FileStore({ directory });
    await save("RemoteAuth-a", "one", files);
    const strangers = [".DS_Store", "Thumbs.db", "notes.txt", "x=0123456789abcdef.tmp"];
    for (const below of [".", "_sessions", "+remote+auth-a", "+remote+auth-a/log"]) {
      mkdirSync(join(directory, below, "@eaDir"));
      writeFileSync(join(directory, below, "@eaDir", "RemoteAuth-b=blob"), "x");
      for (const name of strangers) writeFileSync(join(directory, below, name), "x");
    }
    expect(await namesOf(files)).toEqual(["RemoteAuth-a"]);
    expect(await factsOf("RemoteAuth-a", files)).toMatchObject({ kind: "profile", generations: 1 });
  });
});
