import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { MemoryStore } from "../../adapters/memory.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { VaultError } from "../../lib/errors.ts";
import type { Lease, SaveReport } from "../../lib/store.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, noise, profileFiles, writeZip } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { outage, Requests } from "../vault/support/requests.ts";
import { inShort, listen, on, type Told } from "./support/listen.ts";

const session = "RemoteAuth-bot";
const call = { session, store: "memory", ms: expect.any(Number), retries: 0 };
const folder = useFolder();

let requests: Requests;
let store: Vault;
let told: Told[];

beforeEach(() => {
  requests = new Requests(new MemoryBlobs());
  store = new Vault({ blobs: Object.assign(requests, { kind: "memory" }), retryDelayMs: 0 });
  told = listen();
});

async function acquired(): Promise<Lease> {
  const lease = await store.acquire({ session });
  told.length = 0;
  return lease;
}

function save(lease: Lease, value: string, more: Parameters<typeof profileFiles>[1] = {}): Promise<SaveReport> {
  return store.saveProfile({ session, lease, capture: captureOf(profileFiles(value, more)) });
}

describe("a save", () => {
  it("is told once, with what its report says and the number of its lease", async () => {
    const lease = await acquired();
    const report = await save(lease, "one");
    const { generation, files, bytes, bytesSent, chunksSent, chunksReused, captureMs } = report;
    const sizes = { files, bytes, bytesSent, chunksSent, chunksReused, captureMs };
    expect(told).toEqual([
      { on: "save", ...call, generation, epoch: lease.epoch, form: "profile", unchanged: false, ...sizes },
    ]);
    expect(bytesSent).toBeGreaterThan(0);
  });

  it("that finds nothing changed is told as unchanged", async () => {
    const lease = await acquired();
    const { generation } = await save(lease, "one");
    told.length = 0;
    await save(lease, "one");
    expect(told).toEqual([expect.objectContaining({ on: "save", generation, unchanged: true, chunksSent: 0 })]);
  });

  it("counts the requests that were made again, those of other calls at the same time left out", async () => {
    const lease = await acquired();
    let failures = 3;
    requests.intercept = (name, key, go) =>
      name === "put" && key.startsWith(`${session}/chunks/`) && failures-- > 0 ? Promise.reject(outage()) : go();
    const other = store.acquire({ session: "RemoteAuth-other" });
    await Promise.all([save(lease, "one"), other]);
    expect(told.filter(({ on: name }) => name === "save")).toEqual([expect.objectContaining({ retries: 3 })]);
  });

  it("that the store refuses is an error, once, with the requests that were made again", async () => {
    const lease = await acquired();
    requests.intercept = (name, _key, go) => (name === "put" ? Promise.reject(outage()) : go());
    await expect(save(lease, "one")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(told).toEqual([
      { on: "error", operation: "save", ...call, retries: expect.any(Number), code: "UNAVAILABLE", retryable: true },
    ]);
    expect(told[0]?.retries).toBeGreaterThan(0);
  });

  it.each([
    ["a reason of its own", new Error("enough"), "CANCELLED"],
    ["no reason", undefined, "CANCELLED"],
    ["a time limit of the strategy", new VaultError("UNAVAILABLE", "too slow"), "UNAVAILABLE"],
  ])("that is ended with %s is an error, once", async (_, reason, code) => {
    const lease = await acquired();
    const stop = new AbortController();
    stop.abort(reason);
    const capture = captureOf(profileFiles("one"));
    const saving = store.saveProfile({ session, lease, capture, signal: stop.signal });
    await expect(saving).rejects.toBe(stop.signal.reason);
    expect(told).toEqual([expect.objectContaining({ on: "error", operation: "save", code })]);
  });

  it("with a lease that was released is an error, and so is a lease of another store", async () => {
    const lease = await acquired();
    await lease.release();
    await expect(save(lease, "one")).rejects.toMatchObject({ code: "LEASE_LOST" });
    const foreign = await new MemoryStore().acquire({ session });
    told.length = 0;
    await expect(save(foreign, "one")).rejects.toMatchObject({ code: "INVALID" });
    expect(inShort(told)).toEqual(["error save INVALID"]);
  });

  it("of a zip is told as one, with the number of the hold that the store has taken for it", async () => {
    const path = join(folder(), `${session}.zip`);
    await writeZip(profileFiles("one"), path);
    await store.save({ session, path });
    await store.save({ session: join("/data", session), path });
    const saved = { on: "save", session, form: "zip", epoch: 1 };
    expect(told).toEqual([
      expect.objectContaining({ ...saved, unchanged: false }),
      expect.objectContaining({ ...saved, unchanged: true }),
    ]);
  });

  it("of a zip that is not there is an error", async () => {
    await expect(store.save({ session, path: join(folder(), "none.zip") })).rejects.toMatchObject({ code: "INVALID" });
    expect(inShort(told)).toEqual(["error save INVALID"]);
  });
});

describe("a restore", () => {
  it("is told once, to a directory and to a zip", async () => {
    const lease = await acquired();
    const { generation, files, bytes } = await save(lease, "one");
    told.length = 0;
    await store.restoreProfile({ session, into: join(folder(), "into") });
    await store.extract({ session, path: join(folder(), "out.zip") });
    const restored = {
      on: "restore",
      ...call,
      generation,
      files,
      bytes,
      bytesReceived: expect.any(Number),
      skipped: [],
    };
    expect(told).toEqual([
      { ...restored, form: "profile" },
      { ...restored, form: "zip" },
    ]);
  });

  it("names the generations that it has passed over, with their codes", async () => {
    const lease = await acquired();
    const first = await save(lease, "one");
    const second = await save(lease, "two", { "Default/more": noise(100_000) });
    const isOld = new Set(requests.log.filter((line) => line.includes("/chunks/")));
    expect(isOld.size).toBeGreaterThan(1);
    for (const line of requests
      .take()
      .filter((one) => one.startsWith("put ") && one.includes("/chunks/"))
      .slice(1)) {
      await requests.delete([line.slice(4)]);
    }
    told.length = 0;
    const report = await store.restoreProfile({ session, into: join(folder(), "into") });
    expect(report.generation).toBe(first.generation);
    const skipped = [{ generation: second.generation, code: "CORRUPT" }];
    expect(told).toEqual([expect.objectContaining({ on: "restore", generation: first.generation, skipped })]);
  });

  it("of a session that is absent is an error, and not one of the search for other names", async () => {
    await expect(store.restoreProfile({ session, into: join(folder(), "into") })).rejects.toMatchObject({
      code: "ABSENT",
    });
    expect(told).toEqual([{ on: "error", operation: "restore", ...call, code: "ABSENT", retryable: false }]);
  });

  it("while the store is away is an error, and so is the question for the state of the session", async () => {
    requests.intercept = () => Promise.reject(outage());
    const list = async function* (): AsyncGenerator<never> {
      yield await Promise.reject(outage());
    };
    requests.list = list;
    await expect(store.restoreProfile({ session, into: join(folder(), "into") })).rejects.toThrow();
    await expect(store.sessionExists({ session })).rejects.toThrow();
    await expect(store.state({ session })).rejects.toThrow();
    expect(inShort(told)).toEqual(["restore", "state", "state"].map((operation) => `error ${operation} UNAVAILABLE`));
  });
});

describe("what changes a session", () => {
  it("is told once, and nothing when nothing is changed", async () => {
    const lease = await acquired();
    const first = await save(lease, "one");
    const second = await save(lease, "two");
    told.length = 0;
    for (const as of ["proven", "proven", "rejected", "rejected"] as const) {
      await store.mark({ session, lease, generation: first.generation, as });
    }
    await store.rollback({ session, lease, generation: first.generation });
    await store.rollback({ session, lease, generation: first.generation });
    await store.delete({ session, lease, retainMs: 60_000 });
    await store.delete({ session, lease });
    await store.undelete({ session, lease });
    await store.undelete({ session, lease });
    expect(told.filter(({ on: name }) => name !== "prune")).toEqual([
      { on: "mark", ...call, generation: first.generation, as: "proven" },
      { on: "mark", ...call, generation: first.generation, as: "rejected" },
      { on: "rollback", ...call, generation: first.generation, from: second.generation },
      { on: "delete", ...call, change: "deleted", retainMs: 60_000 },
      { on: "delete", ...call, change: "undeleted" },
    ]);
  });

  it("is told of calls without a lease, which are no leases", async () => {
    const lease = await acquired();
    await save(lease, "one");
    await lease.release();
    told.length = 0;
    await store.delete({ session });
    await store.undelete({ session });
    await store.delete({ session: "RemoteAuth-none" });
    expect(inShort(told)).toEqual(["delete deleted", "delete undeleted"]);
  });

  it("is an error when it is refused", async () => {
    const lease = await acquired();
    await expect(store.mark({ session, lease, generation: 9, as: "proven" })).rejects.toThrow();
    await expect(store.rollback({ session, lease, generation: 9 })).rejects.toThrow();
    await expect(store.undelete({ session, lease })).rejects.toThrow();
    await expect(store.rekey({ session, lease })).rejects.toThrow();
    expect(told.map(({ operation, session: of }) => `${operation} ${of}`)).toEqual(
      ["mark", "rollback", "undelete", "rekey"].map((operation) => `${operation} ${session}`),
    );
  });

  it("is told of a session that is encrypted anew", async () => {
    const lease = await acquired();
    await save(lease, "one");
    await lease.release();
    const encrypted = new Vault({ blobs: requests, encryption: { key: testKey(1) }, onWarning: () => {} });
    told.length = 0;
    const { generations } = await encrypted.rekey({ session });
    expect(generations.length).toBe(1);
    const rekeyed = told.filter(({ on: name }) => name === "rekey");
    expect(rekeyed).toEqual([{ on: "rekey", ...call, generations: 1, entries: expect.any(Number) }]);
  });
});

describe("a prune", () => {
  it("is told with what it has removed, on request and beside a save", async () => {
    const small = new Vault({ blobs: requests, keep: 1, onWarning: () => {} });
    const lease = await small.acquire({ session });
    told.length = 0;
    for (let n = 0; n < 30; n++) {
      const capture = captureOf(profileFiles(`value ${n}`, { "Default/more": noise(1_000, n) }));
      await small.saveProfile({ session, lease, capture });
    }
    const beside = told.filter(({ on: name }) => name === "prune");
    expect(beside.length).toBeGreaterThan(0);
    const pruned = { on: "prune", session, store: "memory", complete: true, ms: expect.any(Number) };
    for (const one of beside)
      expect(one).toEqual({ ...pruned, chunks: expect.any(Number), entries: expect.any(Number) });
    expect(beside.reduce((sum, { chunks }) => sum + Number(chunks), 0)).toBeGreaterThan(0);
    told.length = 0;
    await small.prune({ session, lease });
    expect(inShort(told)).toEqual(["prune"]);
  });

  it("that fails beside a save is an error of its own: the save has succeeded", async () => {
    const small = new Vault({ blobs: requests, keep: 1, retries: 0, onWarning: () => {} });
    const lease = await small.acquire({ session });
    requests.intercept = (name, _key, go) => (name === "delete" ? Promise.reject(outage()) : go());
    for (let n = 0; n < 12; n++) {
      await small.saveProfile({ session, lease, capture: captureOf(profileFiles(`value ${n}`)) });
    }
    const names = new Set(inShort(told));
    expect([...names]).toEqual(["lease acquired", "save profile", "error prune UNAVAILABLE"]);
    expect(told.filter(({ on: name }) => name === "save").length).toBe(12);
  });
});

describe("messages", () => {
  it("name the kind of a store of this package, and the class of any other", async () => {
    const stores = [new MemoryStore(), new FileStore({ directory: folder() }), new Vault({ blobs: new OwnBlobs() })];
    for (const one of stores) await (await one.acquire({ session })).release();
    expect(told.map((message) => message.store)).toEqual(["memory", "fs", "OwnBlobs"].flatMap((kind) => [kind, kind]));
  });

  it("hold no key, no passphrase, no phone and no path", async () => {
    const passphrase = "correct horse battery staple";
    const directory = folder();
    const secret = new FileStore({ directory, encryption: { passphrase } });
    const everything = listen(["wa-vault:blob"]);
    const lease = await secret.acquire({ session });
    const capture = captureOf(profileFiles("the value"));
    await secret.saveProfile({ session, lease, capture, wid: "15550001111@c.us" });
    await secret.restoreProfile({ session, into: join(directory, "into") });
    await expect(new FileStore({ directory }).restoreProfile({ session, into: folder() })).rejects.toThrow();
    const text = JSON.stringify([told, everything]);
    expect(text).toContain("WRONG_KEY");
    for (const hidden of [passphrase, "15550001111", directory, "the value", "Default/"]) {
      expect(text).not.toContain(hidden);
    }
  });

  it("come in the order of what happens, and before the caller goes on", async () => {
    const order: string[] = [];
    on("wa-vault:save", () => order.push("told"));
    const lease = await acquired();
    await save(lease, "one").then(() => order.push("resolved"));
    expect(order).toEqual(["told", "resolved"]);
  });
});

class OwnBlobs extends Requests {
  constructor() {
    super(new MemoryBlobs());
  }
}
