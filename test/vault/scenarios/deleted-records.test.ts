import { setImmediate, setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { VaultError } from "../../../lib/errors.ts";
import type { SessionRecords } from "../../../lib/vault/records/session-records.ts";
import type { Vault } from "../../../lib/vault/vault.ts";
import { testKey } from "../../support/keys.ts";
import { LatePuts } from "../support/late-puts.ts";
import { LeaseRig } from "../support/lease-rig.ts";
import { all, keysOf, session, set, stored, take, vault } from "../support/records.ts";
import { failAll, outage, Requests } from "../support/requests.ts";

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
/** So few loose entries that there are folds. */
const LOOSE = 4;

/** Sets so many records, one after the other, that some are put together and some are not. */
async function fill(records: SessionRecords, name: string, most = 30): Promise<Record<string, string>> {
  const expected: Record<string, string> = {};
  for (let n = 0; n < most; n++) {
    const key = `key ${n % 7}`;
    const value = n % 5 === 0 ? undefined : `${name} ${n}`;
    await set(records, { [key]: value });
    await setImmediate();
    if (value === undefined) delete expected[key];
    else expected[key] = value;
  }
  return expected;
}

async function earlier(store: Vault): Promise<number[]> {
  const { generations = [] } = (await store.state({ session })) ?? {};
  return generations.filter((one) => one.beforeDeletion).map((one) => one.generation);
}

/** Two ways to delete a session of records. */
const WAYS: [string, (store: Vault, records: SessionRecords, retainMs?: number) => Promise<void>][] = [
  [
    "`delete` of a store",
    async (store, records, retainMs) => {
      await records.close();
      await store.delete({ session, ...(retainMs === undefined ? {} : { retainMs }) });
    },
  ],
  [
    "`clear` of its holder",
    async (_, records, retainMs) => {
      await records.clear({ retainMs });
      expect(records.keys()).toEqual([]);
      await records.close();
    },
  ],
];

describe.each(WAYS)("a session of records that was deleted by %s", (_, remove) => {
  it.each([
    ["plain", {}],
    ["encrypted", { encryption: { key: testKey(1) } }],
  ])("is not there, and is brought back whole: %s", async (__, options) => {
    const blobs = new MemoryBlobs();
    const store = vault(blobs, options, LOOSE);
    const records = await take(store);
    const expected = await fill(records, "one");
    await remove(store, records);
    expect(await store.state({ session })).toMatchObject({ deleted: {}, generations: [] });
    expect(await store.sessionExists({ session })).toBe(false);
    expect(await stored(store)).toBeUndefined();

    await store.undelete({ session });
    expect(await stored(store)).toEqual(expected);
    // It goes on where it was.
    const next = await take(vault(blobs, options, LOOSE));
    expect(all(next)).toEqual(expected);
    const more = await fill(next, "two", 9);
    await next.close();
    expect(await stored(store)).toEqual({ ...without(expected, 9), ...more });
  });

  it("can be deleted and brought back again and again", async () => {
    const store = vault(new MemoryBlobs(), {}, LOOSE);
    const expected: Record<string, string> = {};
    for (let round = 0; round < 5; round++) {
      const records = await take(store);
      expect(all(records)).toEqual(expected);
      await set(records, { [`round ${round}`]: "x" });
      expected[`round ${round}`] = "x";
      await remove(store, records);
      await store.undelete({ session });
      expect(await stored(store)).toEqual(expected);
    }
  });

  it("stays as one generation beside the records of a new link", async () => {
    const blobs = new MemoryBlobs();
    const store = vault(blobs, {}, LOOSE);
    let records = await take(store);
    const first = await fill(records, "one");
    await remove(store, records);

    records = await take(store);
    expect(all(records)).toEqual({});
    const second = await fill(records, "two", 12);
    const [old] = await earlier(store);
    expect(await earlier(store)).toHaveLength(1);
    expect(await stored(store, old)).toEqual(first);
    expect(await stored(store)).toEqual(second);
    // There is nothing to be taken back any more.
    await remove(store, records);
    records = await take(store);
    await set(records, { third: "x" });
    await records.close();
    const kept = await earlier(store);
    expect(await Promise.all(kept.map((generation) => stored(store, generation)))).toEqual([first, second]);
    await store.undelete({ session });
    expect(await stored(store)).toEqual({ third: "x" });
  });

  it("leaves nothing with `retainMs: 0`", async () => {
    const blobs = new MemoryBlobs();
    const store = vault(blobs, {}, LOOSE);
    let records = await take(store);
    await fill(records, "one");
    await remove(store, records);
    records = await take(store);
    await fill(records, "two");
    await remove(store, records, 0);
    expect(await keysOf(blobs, "chunks")).toEqual([]);
    for await (const { kind } of store.history({ session })) expect(["hold", "deleted"]).toContain(kind);
    await expect(store.undelete({ session })).rejects.toMatchObject({ code: "ABSENT" });

    records = await take(store);
    expect(all(records)).toEqual({});
    await set(records, { a: "1" });
    await records.close();
    expect(await stored(store)).toEqual({ a: "1" });
    expect(await earlier(store)).toEqual([]);
  });

  it("leaves nothing with `retainMs: 0` when it was deleted for a time before", async () => {
    const blobs = new MemoryBlobs();
    const store = vault(blobs, {}, LOOSE);
    const records = await take(store);
    await fill(records, "one");
    await remove(store, records);
    await remove(store, await take(store), 0);
    expect(await keysOf(blobs, "chunks")).toEqual([]);
    await expect(store.undelete({ session })).rejects.toMatchObject({ code: "ABSENT" });
  });

  it("is pruned when its time has ended, and not before", async () => {
    const rig = new LeaseRig();
    const bot = rig.process(0, { leaseTtlMs: DAY });
    const open = (): Promise<SessionRecords> => bot.store.openRecords({ session });
    let records = await open();
    await set(records, { a: "1" });
    await remove(bot.store, records, 7 * DAY);
    records = await open();
    await set(records, { b: "2" });
    const [old] = await earlier(bot.store);
    // The clock of the log moves with its entries.
    const pass = async (days: number): Promise<void> => {
      await rig.time.advance(days * DAY);
      await set(records, { b: `after ${rig.time.now}` });
      await records.close();
      records = await open();
      await rig.time.advance(HOUR);
    };
    await pass(6);
    expect(await stored(bot.store, old)).toEqual({ a: "1" });
    await pass(2);
    expect(await earlier(bot.store)).toEqual([]);
    await expect(stored(bot.store, old)).rejects.toMatchObject({ code: "ABSENT" });
    expect(records.keys()).toEqual(["b"]);
    expect(await keysOf(rig.backend, "chunks")).toEqual([]);
    await records.close();
  });
});

/** What {@link fill} leaves of these records when the first `most` of it are done again. */
function without(records: Record<string, string>, most: number): Record<string, string> {
  const deleted = Array.from({ length: most }, (_, n) => n).filter((n) => n % 5 === 0);
  return Object.fromEntries(Object.entries(records).filter(([key]) => !deleted.some((n) => key === `key ${n % 7}`)));
}

describe("a deletion of damaged records", () => {
  it.each(["log", "chunks"])("deletes them as they are: %s", async (folder) => {
    const blobs = new MemoryBlobs();
    const store = vault(blobs, { onWarning: () => {} }, LOOSE);
    const records = await take(store);
    await fill(records, "one");
    await records.close();
    const { current } = (await store.state({ session })) ?? {};
    const keys = await keysOf(blobs, folder);
    // Of the log, the last entry before the newest: it is in no segment.
    await blobs.delete([folder === "log" ? (keys.sort().at(-2) ?? "") : (keys[0] ?? "")]);
    await expect(stored(store)).rejects.toMatchObject({ code: "CORRUPT" });

    await store.delete({ session });
    expect(await store.state({ session })).toMatchObject({ deleted: {} });
    await store.undelete({ session });
    expect(await store.state({ session })).toMatchObject({ current: { generation: current?.generation } });
    await expect(stored(store)).rejects.toMatchObject({ code: "CORRUPT" });

    await store.delete({ session });
    const next = await take(store);
    await set(next, { a: "1" });
    await next.close();
    expect(await stored(store)).toEqual({ a: "1" });
    // What is not whole is not offered.
    expect(await earlier(store)).toEqual([]);
  });
});

describe("clear", () => {
  it("comes after the sets before it, and before those after it", async () => {
    const store = vault(new MemoryBlobs());
    const records = await take(store);
    await set(records, { a: "0" });
    const order: string[] = [];
    const calls = [
      set(records, { a: "1", b: "2" }).then(() => order.push("set")),
      records.clear().then(() => order.push("clear")),
    ];
    expect(all(records)).toEqual({});
    calls.push(set(records, { b: "3" }).then(() => order.push("later set")));
    expect(all(records)).toEqual({ b: "3" });
    // It is not there already: that was cleared.
    calls.push(set(records, { a: undefined }).then(() => order.push("last set")));
    await Promise.all(calls);
    expect(order.filter((one) => one !== "last set")).toEqual(["set", "clear", "later set"]);
    expect(order.indexOf("last set")).toBeGreaterThan(order.indexOf("clear"));
    expect(all(records)).toEqual({ b: "3" });
    expect(await stored(store)).toEqual({ b: "3" });
    const [old] = await earlier(store);
    expect(await stored(store, old)).toEqual({ a: "1", b: "2" });
  });

  it("of what is cleared, or was never set, writes nothing", async () => {
    const blobs = new MemoryBlobs();
    const store = vault(blobs);
    const records = await take(store);
    await records.clear();
    await records.clear({ retainMs: 0 });
    expect(await keysOf(blobs, "log")).toHaveLength(1);
    await set(records, { a: "1" });
    await Promise.all([records.clear(), records.clear()]);
    const entries = (await keysOf(blobs, "log")).length;
    await records.clear();
    expect(await keysOf(blobs, "log")).toHaveLength(entries);
    await store.state({ session });
    await records.close();
    await store.undelete({ session });
    expect(await stored(store)).toEqual({ a: "1" });
  });

  it("keeps what it deletes for as long as the store says by default", async () => {
    const store = vault(new MemoryBlobs(), { retainDeletedMs: HOUR });
    const records = await take(store);
    await set(records, { a: "1" });
    const began = Date.now();
    await records.clear();
    for await (const { kind, until } of store.history({ session })) {
      if (kind !== "deleted") continue;
      expect(until?.getTime()).toBeGreaterThanOrEqual(began + HOUR);
      expect(until?.getTime()).toBeLessThanOrEqual(Date.now() + HOUR);
      return;
    }
    throw new Error("nothing was deleted");
  });

  it("refuses a wrong `retainMs`", async () => {
    const records = await take(vault(new MemoryBlobs()));
    await expect(records.clear({ retainMs: -1 })).rejects.toMatchObject({ code: "INVALID" });
  });

  it("waits while the store does not answer, as what follows it does", async () => {
    const blobs = new Requests(new MemoryBlobs());
    const errors: unknown[] = [];
    const store = vault(blobs);
    const records = await take(store, (error) => errors.push(error));
    await set(records, { a: "1" });
    failAll(blobs);
    const order: string[] = [];
    const calls = [
      records.clear().then(() => order.push("clear")),
      set(records, { b: "2" }).then(() => order.push("set")),
    ];
    // Not one of those in the background.
    while (errors.length < 3) await setTimeout(10);
    expect(all(records)).toEqual({ b: "2" });
    expect(order).toEqual([]);
    blobs.passAll();
    await Promise.all(calls);
    expect(order).toEqual(["clear", "set"]);
    expect(await stored(store)).toEqual({ b: "2" });
  });

  it("that has arrived although the store did not say so is not said again", async () => {
    const blobs = new Requests(new MemoryBlobs());
    const errors: unknown[] = [];
    const store = vault(blobs);
    const records = await take(store, (error) => errors.push(error));
    await set(records, { a: "1" });
    blobs.intercept = async (call, key, go) => {
      if (call === "get" || !key.includes("/log/")) return await go();
      await go();
      failAll(blobs);
      throw outage();
    };
    const cleared = records.clear();
    while (errors.length === 0) await setImmediate();
    blobs.passAll();
    await cleared;
    await set(records, { b: "2" });
    const kinds: string[] = [];
    for await (const { kind } of store.history({ session })) kinds.unshift(kind);
    expect(kinds).toEqual(["hold", "records", "deleted", "records"]);
    const [old] = await earlier(store);
    expect(await stored(store, old)).toEqual({ a: "1" });
  });

  it("is rejected when the session is lost, after `lost`", async () => {
    const blobs = new MemoryBlobs();
    const records = await take(vault(blobs));
    await set(records, { a: "1" });
    await vault(blobs).breakLease({ session });
    const told: string[] = [];
    records.lost.addEventListener("abort", () => told.push("lost"));
    await records.clear().catch((error: VaultError) => told.push(error.code));
    expect(told).toEqual(["lost", "LEASE_LOST"]);
    expect(await stored(vault(blobs))).toEqual({ a: "1" });
    await expect(records.clear()).rejects.toMatchObject({ code: "LEASE_LOST" });
  });

  it("is waited for by `close`, up to its limit", async () => {
    const blobs = new Requests(new MemoryBlobs());
    const store = vault(blobs);
    const one = await take(store);
    await set(one, { a: "1" });
    void one.clear();
    await one.close();
    expect(await store.state({ session })).toMatchObject({ deleted: {} });
    await store.undelete({ session });

    const two = await take(store);
    failAll(blobs);
    const rejected = expect(two.clear()).rejects.toMatchObject({ code: "CANCELLED" });
    await two.close(1);
    await rejected;
    blobs.passAll();
    expect(await stored(store)).toEqual({ a: "1" });
  });

  it("does not disturb what is put together meanwhile", async () => {
    const blobs = new MemoryBlobs();
    const store = vault(blobs, {}, LOOSE);
    const records = await take(store);
    let last: Record<string, string> = {};
    for (let round = 0; round < 6; round++) {
      const filling = fill(records, `round ${round}`, 6 * LOOSE);
      last = await filling;
      if (round < 5) await records.clear();
    }
    await records.close();
    expect(await stored(store)).toEqual(last);
    expect(await earlier(store)).toHaveLength(5);
  });
});

describe("a store that has lost what it had confirmed", () => {
  const warnings: string[] = [];
  const open = (line: LatePuts): Vault => vault(line, { onWarning: (message) => warnings.push(message) }, 9);

  /** An outage, at whose end `lost` is gone. */
  async function outageOf(line: LatePuts, records: SessionRecords, errors: unknown[], lost: string[]): Promise<void> {
    line.holdsBack = true;
    const setting = set(records, { late: "1" });
    const before = errors.length;
    while (errors.length === before) await setImmediate();
    await line.backend.delete(lost);
    line.holdsBack = false;
    await setting;
  }

  it("gets the records of a deletion that was taken back again", async () => {
    const line = new LatePuts();
    const store = open(line);
    const one = await take(store);
    const expected = await fill(one, "one", 12);
    await one.clear();
    await one.close();
    await store.undelete({ session });
    // Nothing is loose.
    const errors: unknown[] = [];
    const two = await take(store, (error) => errors.push(error));
    await outageOf(line, two, errors, await keysOf(line.backend, "chunks"));
    await two.close();
    expect(all(await take(store))).toEqual({ ...expected, late: "1" });
    expect(warnings.splice(0)).toContainEqual(expect.stringContaining("has lost entries or chunks"));
  });

  it("keeps them whole when they are cleared before its loss is noticed", async () => {
    const line = new LatePuts();
    const store = open(line);
    const records = await take(store);
    const expected = await fill(records, "one", 30);
    while ((await keysOf(line.backend, "chunks")).length === 0) await setImmediate();
    await line.backend.delete(await keysOf(line.backend, "chunks"));
    await records.clear();
    await records.close();
    await store.undelete({ session });
    expect(await stored(store)).toEqual(expected);
  });

  it("keeps them whole when they are cleared at the end of the outage", async () => {
    const line = new LatePuts();
    const store = open(line);
    const errors: unknown[] = [];
    const records = await take(store, (error) => errors.push(error));
    const expected = await fill(records, "one", 30);
    while ((await keysOf(line.backend, "chunks")).length === 0) await setImmediate();
    await outageOf(line, records, errors, await keysOf(line.backend, "chunks"));
    await records.clear();
    await set(records, { new: "1" });
    await records.close();
    expect(await stored(store)).toEqual({ new: "1" });
    const [old] = await earlier(store);
    expect(await stored(store, old)).toEqual({ ...expected, late: "1" });
    warnings.splice(0);
  });
});

describe("a process that dies while it deletes a session of records", () => {
  it.each(WAYS)("leaves all of it, or all of it deleted, at each request: %s", async (_, remove) => {
    let isAnyDeleted = false;
    let isAnyWhole = false;
    for (let most = 0, isDone = false; !isDone; most++) {
      const backend = new MemoryBlobs();
      const blobs = new Requests(backend);
      const bot = vault(blobs, { leaseTtlMs: 1_000 }, LOOSE);
      const records = await take(bot);
      const expected = await fill(records, "one", 7);
      let requests = 0;
      const isCounted = remove === WAYS[1]?.[1];
      if (!isCounted) await records.close();
      blobs.intercept = (__, ___, go) => (requests++ < most ? go() : Promise.reject(outage()));
      const removing = isCounted ? records.clear() : bot.delete({ session });
      const over = removing.then(
        () => true,
        () => false,
      );
      // Without an answer a clear waits for ever.
      const isDead = (async () => {
        while (requests <= most) await setImmediate();
        return false;
      })();
      isDone = await Promise.race([over, isDead]);
      if (isDone) requests = most + 1;
      blobs.intercept = () => Promise.reject(outage());
      await records.close(0);

      const next = vault(backend, {}, LOOSE);
      await next.breakLease({ session });
      const { deleted } = (await next.state({ session })) ?? {};
      if (isDone) expect(deleted).toBeDefined();
      if (deleted) await next.undelete({ session });
      expect(await stored(next)).toEqual(expected);
      isAnyDeleted ||= deleted !== undefined;
      isAnyWhole ||= deleted === undefined;
    }
    expect([isAnyDeleted, isAnyWhole]).toEqual([true, true]);
  });
});
