import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { VaultError } from "../../../lib/errors.ts";
import { entryKey } from "../../../lib/vault/layout.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { gate } from "../../support/gate.ts";
import { testKey } from "../../support/keys.ts";
import { LatePuts } from "../support/late-puts.ts";
import { all, keysOf, session, set, take, vault } from "../support/records.ts";
import { isEntryPut, Requests } from "../support/requests.ts";

describe.each([
  ["plain", {}],
  ["encrypted", { encryption: { key: testKey(1) } }],
])("records, %s", (_, options) => {
  it("are there for the next holder", async () => {
    const blobs = new MemoryBlobs();
    const one = await take(vault(blobs, options));
    await set(one, { a: "1", b: "2" });
    await set(one, { a: "3", b: undefined, c: "" });
    expect(all(one)).toEqual({ a: "3", c: "" });
    await one.close();
    expect(all(await take(vault(blobs, options)))).toEqual({ a: "3", c: "" });
  });

  it("survive folds of folds, and leave little behind", async () => {
    const blobs = new MemoryBlobs();
    const expected: Record<string, string> = {};
    for (let round = 0; round < 3; round++) {
      const records = await take(vault(blobs, options));
      expect(all(records)).toEqual(expected);
      for (let n = 0; n < 400; n++) {
        const key = `key ${(n * 7 + round) % 97}`;
        const value = n % 5 === 0 ? undefined : `${round}.${n}`;
        await set(records, { [key]: value });
        await setImmediate();
        if (value === undefined) delete expected[key];
        else expected[key] = value;
      }
      await records.close();
    }
    // Of 1,200 entries those of the last folds, and the holds.
    expect((await keysOf(blobs, "log")).length).toBeLessThan(300);
    expect((await keysOf(blobs, "chunks")).length).toBeLessThan(12);
    expect(all(await take(vault(blobs, options)))).toEqual(expected);
  });
});

describe("a set", () => {
  it("is seen as soon as it was called", async () => {
    const records = await take(vault(new MemoryBlobs()));
    const stored = set(records, { a: "1" });
    expect(all(records)).toEqual({ a: "1" });
    const deleted = set(records, { a: undefined, b: "2" });
    expect(all(records)).toEqual({ b: "2" });
    await Promise.all([stored, deleted]);
    expect(all(records)).toEqual({ b: "2" });
  });

  it("is written, also when it is called in the moment in which another one was stored", async () => {
    const records = await take(vault(new MemoryBlobs()));
    for (const value of ["1", "2", "3", "4"]) await set(records, { a: value });
    for (let ticks = 0; ticks < 12; ticks++) {
      await set(records, { a: `before ${ticks}` });
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      await set(records, { a: `after ${ticks}` });
    }
    expect(all(records)).toEqual({ a: "after 11" });
  });

  it("travels with others of the same moment, and the last value of a record counts", async () => {
    const blobs = new MemoryBlobs();
    const records = await take(vault(blobs));
    await set(records, { first: "" });
    const before = (await keysOf(blobs, "log")).length;
    await Promise.all(Array.from({ length: 50 }, (_, n) => set(records, { a: `${n}`, [`b${n}`]: "x" })));
    expect((await keysOf(blobs, "log")).length).toBe(before + 1);
    await records.close();
    const next = await take(vault(blobs));
    expect(next.keys()).toHaveLength(52);
    expect(String(next.get("a"))).toBe("49");
  });

  it("of what is there already writes nothing", async () => {
    const blobs = new MemoryBlobs();
    const records = await take(vault(blobs));
    await set(records, { a: "1" });
    const before = (await keysOf(blobs, "log")).length;
    await set(records, { a: "1", b: undefined });
    await set(records, {});
    expect((await keysOf(blobs, "log")).length).toBe(before);
  });

  it("of what is there already waits for no set of other records", async () => {
    const line = new LatePuts();
    const records = await take(vault(line));
    await set(records, { a: "1" });
    const mayGoOn = gate();
    line.beforePut = () => mayGoOn.opened;
    const other = set(records, { b: "2" });
    await set(records, { a: "1" });
    mayGoOn.open();
    await other;
  });

  it("that equals one on its way is stored when that is", async () => {
    const line = new LatePuts();
    const records = await take(vault(line));
    let isStored = false;
    line.beforePut = async () => {
      await setImmediate();
      expect(isStored).toBe(false);
    };
    const first = set(records, { a: "1" });
    const same = set(records, { a: "1" }).then(() => {
      isStored = true;
    });
    await Promise.all([first, same]);
    expect(isStored).toBe(true);
  });

  it("waits while the store does not answer, and keeps the order", async () => {
    const line = new LatePuts();
    const errors: unknown[] = [];
    const records = await take(vault(line), (error) => errors.push(error));
    line.holdsBack = true;
    const order: string[] = [];
    const sets = ["1", "2", "3"].map((value) => set(records, { a: value }).then(() => order.push(value)));
    while (errors.length === 0) await setImmediate();
    sets.push(set(records, { a: "4" }).then(() => order.push("4")));
    expect(order).toEqual([]);
    expect(String(records.get("a"))).toBe("4");
    line.holdsBack = false;
    await Promise.all(sets);
    expect(order).toEqual(["1", "2", "3", "4"]);
    expect(errors).toEqual([expect.objectContaining({ code: "UNAVAILABLE" })]);
    // What was held back counts for nothing now.
    await line.arrive();
    await records.close();
    expect(all(await take(vault(line)))).toEqual({ a: "4" });
  });

  it("that has arrived late is not said again", async () => {
    const line = new LatePuts();
    const errors: unknown[] = [];
    const records = await take(vault(line), (error) => errors.push(error));
    line.holdsBack = true;
    const first = set(records, { a: "1" });
    while (errors.length === 0) await setImmediate();
    const second = set(records, { b: "2" });
    line.holdsBack = false;
    await line.arrive();
    await Promise.all([first, second]);
    const entries = [];
    for await (const entry of vault(line).history({ session })) entries.push(entry.kind);
    expect(entries).toEqual(["records", "records", "hold"]);
  });

  it("may be larger than an entry", async () => {
    const blobs = new MemoryBlobs({ maxBlobBytes: 64 * 1024 });
    const records = await take(vault(blobs));
    const large = "x".repeat(300_000);
    await Promise.all([set(records, { a: "1" }), set(records, { large }), set(records, { b: "2" })]);
    await records.close();
    const next = await take(vault(blobs));
    expect(all(next)).toEqual({ a: "1", b: "2", large });
    await vault(blobs).breakLease({ session });
  });

  it("that the store refuses rejects, and the next ones go on", async () => {
    const line = new LatePuts();
    const records = await take(vault(line));
    line.beforePut = async () => {
      line.beforePut = undefined;
      throw new VaultError("DENIED", "no");
    };
    await expect(set(records, { a: "1" })).rejects.toMatchObject({ code: "DENIED" });
    expect(all(records)).toEqual({});
    await set(records, { b: "2" });
    expect(all(records)).toEqual({ b: "2" });
  });

  it("that the store refuses takes none with it that has waited at the same time", async () => {
    const blobs = new MemoryBlobs();
    const requests = new Requests(blobs);
    const records = await take(vault(requests));
    const put = requests.put.bind(requests);
    requests.put = async (key, bytes, options) => {
      if (isEntryPut("put", key) && bytes.length > 5_000) throw new VaultError("DENIED", "no");
      await put(key, bytes, options);
    };
    const large = randomBytes(6_000).toString("base64");
    const sets = [{ a: "1" }, { b: large }, { c: "3" }, { d: large }].map((values) => set(records, values));
    const results = (await Promise.allSettled(sets)).map(({ status }) => status);
    expect(results).toEqual(["fulfilled", "rejected", "fulfilled", "rejected"]);
    expect(all(records)).toEqual({ a: "1", c: "3" });
    requests.take();
    await Promise.all([set(records, { e: "5" }), set(records, { f: "6" })]);
    expect(requests.take().filter((request) => request.startsWith("put"))).toHaveLength(1);
    await records.close();
    expect(all(await take(vault(blobs)))).toEqual({ a: "1", c: "3", e: "5", f: "6" });
  });
});

describe("a clear that keeps nothing", () => {
  it("says so when something may be left, and another one deletes it", async () => {
    const blobs = new MemoryBlobs();
    const requests = new Requests(blobs);
    const warnings: string[] = [];
    const records = await take(vault(requests, { onWarning: (message: string) => warnings.push(message) }));
    await set(records, { a: "1" });
    // The store loses the deletion that it has confirmed.
    requests.intercept = async (call, key, go) => {
      const result = await go();
      if (isEntryPut(call, key)) await blobs.delete([key]);
      return result;
    };
    await expect(records.clear({ retainMs: 0 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(warnings.join()).toContain("Left old data");
    expect(all(records)).toEqual({});
    requests.passAll();
    await set(records, { b: "2" });
    await records.clear({ retainMs: 0 });
    await records.close();
    expect(await keysOf(blobs, "chunks")).toEqual([]);
    expect(all(await take(vault(blobs)))).toEqual({});
  });
});

describe("records whose session is lost", () => {
  it("tell `lost` first, and reject the sets after it", async () => {
    const blobs = new MemoryBlobs();
    const records = await take(vault(blobs));
    await set(records, { a: "1" });
    await vault(blobs).breakLease({ session });
    const told: string[] = [];
    records.lost.addEventListener("abort", () => {
      told.push("lost");
      queueMicrotask(() => told.push("after lost"));
    });
    const rejected = set(records, { a: "2" }).catch((error: VaultError) => told.push(error.code));
    await rejected;
    expect(told).toEqual(["lost", "after lost", "LEASE_LOST"]);
    await expect(set(records, { a: "3" })).rejects.toMatchObject({ code: "LEASE_LOST" });
    await records.close();
    expect(all(await take(vault(blobs)))).toEqual({ a: "1" });
  });
});

describe("closed records", () => {
  it("have stored what was set before", async () => {
    const blobs = new MemoryBlobs();
    const records = await take(vault(blobs));
    void set(records, { a: "1" });
    await records.close();
    await records.close();
    await expect(set(records, { a: "2" })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(all(await take(vault(blobs)))).toEqual({ a: "1" });
  });

  it("reject what a store that does not answer has not taken", async () => {
    const line = new LatePuts();
    const records = await take(vault(line));
    line.holdsBack = true;
    const stored = set(records, { a: "1" });
    const rejected = expect(stored).rejects.toMatchObject({ code: "CANCELLED" });
    await records.close(1);
    await rejected;
  });
});

describe("one session", () => {
  it("cannot be opened by two holders", async () => {
    const blobs = new MemoryBlobs();
    await take(vault(blobs));
    await expect(vault(blobs).openRecords({ session })).rejects.toMatchObject({ code: "LEASE_HELD" });
  });

  it("is refused by a store that keeps nobody out", async () => {
    const store = vault(new MemoryBlobs({ exclusiveCreate: false }), { onWarning: () => {} });
    await expect(store.openRecords({ session })).rejects.toMatchObject({ code: "INVALID" });
  });
});

describe("records that the store has lost after it had confirmed them", () => {
  it.each<[string, (keys: { log: string[]; fold: string; chunks: string[] }) => (string | undefined)[]]>([
    ["its newest entries", ({ log }) => log.slice(-2)],
    ["an entry in the middle", ({ log }) => [log.at(-2)]],
    ["the entry with the fold", ({ fold }) => [fold]],
    ["the parts of segments", ({ chunks }) => chunks],
  ])(
    "are stored anew by their holder, when the outage is over, and before it gives the session back: %s",
    async (_, lose) => {
      const line = new LatePuts();
      const warnings: string[] = [];
      const errors: unknown[] = [];
      const by = new Vault(
        { blobs: line, retries: 0, retryDelayMs: 0, onWarning: (message) => warnings.push(message) },
        { mostLoose: 9 },
      );
      const one = await take(by, (error) => errors.push(error));
      const expected: Record<string, string> = {};
      for (let n = 0; n < 12; n++) {
        expected[`key ${n}`] = `${n}`;
        await set(one, { [`key ${n}`]: `${n}` });
      }
      const foldedIn = async (): Promise<number> => (await by.state({ session }))?.current?.generation ?? 0;
      // The next fold would be due after nine more entries.
      while ((await foldedIn()) === 0 || (await keysOf(line.backend, "chunks")).length === 0) await setImmediate();
      for (const last of ["a", "b", "c"]) await set(one, { last });
      line.holdsBack = true;
      const setting = set(one, { late: "1" });
      while (errors.length === 0) await setImmediate();
      const fold = entryKey(session, await foldedIn());
      const [log, chunks] = [await keysOf(line.backend, "log"), await keysOf(line.backend, "chunks")];
      await line.backend.delete(lose({ log: log.sort(), fold, chunks }).filter((key) => key !== undefined));
      line.holdsBack = false;
      await setting;
      await one.close();
      expect(warnings).toEqual([expect.stringContaining("has lost entries or chunks of Baileys-bot")]);
      expect(all(await take(vault(line)))).toEqual({ ...expected, last: "c", late: "1" });
    },
  );
});
