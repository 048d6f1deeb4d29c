import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { linked, open, storeOn } from "../baileys/support/states.ts";
import { all, session, set, take, vault } from "../vault/support/records.ts";
import { failAll, Requests } from "../vault/support/requests.ts";
import { inShort, listen, type Told } from "./support/listen.ts";

const base = { on: "records", session, store: "memory", epoch: expect.any(Number) };

let blobs: MemoryBlobs;
let requests: Requests;
let told: Told[];

/** What was told, but for what is removed in the background. */
function shortly(): string[] {
  return inShort(told).filter((line) => line !== "prune");
}

beforeEach(() => {
  blobs = new MemoryBlobs();
  requests = Object.assign(new Requests(blobs), { kind: "memory" });
  told = listen();
});

describe("records", () => {
  it("are told when they are opened, after the lease, and when a set is stored", async () => {
    const records = await take(vault(requests));
    await set(records, { a: "1", b: "22" });
    expect(told.filter(({ on }) => on !== "prune")).toEqual([
      expect.objectContaining({ on: "lease", change: "acquired", session }),
      { ...base, change: "opened", records: 0, bytes: 0, ms: expect.any(Number), retries: 0 },
      {
        ...base,
        change: "set",
        entry: expect.any(Number),
        records: 2,
        bytes: expect.any(Number),
        sets: 1,
        ms: expect.any(Number),
      },
    ]);
    await records.close();
    told.length = 0;
    const again = await take(vault(requests));
    expect(all(again)).toEqual({ a: "1", b: "22" });
    expect(told.find(({ change }) => change === "opened")).toMatchObject({ records: 2, entry: expect.any(Number) });
  });

  it("are told once for sets that travel together, and not for a set that changes nothing", async () => {
    const records = await take(vault(requests));
    told.length = 0;
    await Promise.all([set(records, { a: "1" }), set(records, { a: "2", b: "1" }), set(records, { c: "1" })]);
    await set(records, { a: "2" });
    const sets = told.filter(({ change }) => change === "set");
    expect(sets).toEqual([expect.objectContaining({ sets: 3, records: 3 })]);
  });

  it("are told when they are put together", async () => {
    const records = await take(vault(requests, {}, 4));
    for (let n = 0; n < 12; n++) await set(records, { [`key ${n}`]: "x" });
    await records.close();
    const folded = told.filter(({ change }) => change === "folded");
    expect(folded.length).toBeGreaterThan(0);
    for (const one of folded)
      expect(one).toEqual({ ...base, change: "folded", entry: expect.any(Number), records: expect.any(Number) });
    expect(told.filter(({ change }) => change === "set").length).toBe(12);
  });

  it("that wait for a store are an error at each attempt, and are told as set once", async () => {
    const errors: unknown[] = [];
    const records = await take(vault(requests), (error) => errors.push(error));
    told.length = 0;
    let failures = 2;
    requests.intercept = (name, _key, go) =>
      name === "put" && failures-- > 0 ? Promise.reject(new TypeError("a bug of the backend")) : go();
    await set(records, { a: "1" });
    expect(errors.length).toBe(2);
    const attempt = { on: "error", operation: "records", session, store: "memory", code: "UNKNOWN", retryable: false };
    const seen = told.filter(({ on }) => on !== "prune");
    expect(seen).toEqual([attempt, attempt, expect.objectContaining({ change: "set", sets: 1 })]);
  });

  it("that are cleared are told as deleted, once", async () => {
    const records = await take(vault(requests));
    await set(records, { a: "1" });
    told.length = 0;
    await records.clear({ retainMs: 5_000 });
    await records.clear({ retainMs: 5_000 });
    const deleted = told.filter(({ on }) => on === "delete");
    expect(deleted).toEqual([
      {
        on: "delete",
        session,
        store: "memory",
        change: "deleted",
        retainMs: 5_000,
        ms: expect.any(Number),
        retries: 0,
      },
    ]);
  });

  it("that were lost are told as a lost lease alone, whatever waits", async () => {
    const records = await take(vault(requests));
    await set(records, { a: "1" });
    told.length = 0;
    await vault(blobs).breakLease({ session });
    await expect(set(records, { a: "2" })).rejects.toMatchObject({ code: "LEASE_LOST" });
    await records.close();
    expect(shortly()).toEqual(["lease broken", "lease lost"]);
  });

  it("that cannot be opened are one error", async () => {
    await take(vault(requests));
    told.length = 0;
    await expect(vault(blobs).openRecords({ session })).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(shortly()).toEqual(["error acquire LEASE_HELD"]);
  });

  it("of a session that holds a profile are one error, after the lease was given back", async () => {
    const store = vault(requests);
    const name = "RemoteAuth-bot";
    const lease = await store.acquire({ session: name });
    const { captureOf, profileFiles } = await import("../contract/profile.ts");
    await store.saveProfile({ session: name, lease, capture: captureOf(profileFiles("one")) });
    await lease.release();
    told.length = 0;
    await expect(store.openRecords({ session: name })).rejects.toMatchObject({ code: "INVALID" });
    expect(shortly()).toEqual(["lease acquired", "lease released", "error records INVALID"]);
  });
});

describe("the auth state of Baileys", () => {
  it("is told by its store: opened, set, closed", async () => {
    const state = await open(storeOn(requests));
    Object.assign(state.state.creds, linked());
    await state.saveCreds();
    await state.state.keys.set({ session: { "anna.0": Buffer.from("1") } });
    await state.close();
    expect(shortly()).toEqual(["lease acquired", "records opened", "records set", "records set", "lease released"]);
    expect(JSON.stringify(told)).not.toMatch(/5511999999999|anna/);
  });

  it("that cannot be read is one error", async () => {
    const records = await take(vault(requests));
    await set(records, { creds: "no credentials" });
    await records.close();
    told.length = 0;
    await expect(open(storeOn(requests))).rejects.toMatchObject({ code: "INVALID" });
    expect(shortly()).toEqual(["lease acquired", "records opened", "lease released", "error records INVALID"]);
  });

  it("whose store is away is one error, and tells nothing of a session that is absent", async () => {
    failAll(requests);
    requests.list = async function* () {
      yield await Promise.reject(new Error("away"));
    };
    await expect(open(storeOn(requests))).rejects.toThrow();
    expect(shortly()).toEqual(["error acquire UNKNOWN"]);
  });

  it("that refuses credentials is an error, once", async () => {
    const state = await open(storeOn(requests));
    Object.assign(state.state.creds, linked());
    await state.saveCreds();
    told.length = 0;
    Object.assign(state.state.creds, { account: undefined, registered: false });
    await expect(state.saveCreds()).rejects.toMatchObject({ code: "INVALID" });
    expect(shortly()).toEqual(["error records INVALID"]);
    expect(state.errors.length).toBe(1);
  });
});
