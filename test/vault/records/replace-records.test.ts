import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { entryKey } from "../../../lib/vault/layout.ts";
import { LeaseRig } from "../support/lease-rig.ts";
import { session, set, stored, take, vault } from "../support/records.ts";

const DAY = 24 * 60 * 60 * 1000;

function recordsOf(value: string): Map<string, Buffer> {
  return new Map([["creds", Buffer.from(value)]]);
}

describe("`check` of a replacement", () => {
  it("may look at something first: nothing is written before it has, or when it rejects", async () => {
    const blobs = new MemoryBlobs();
    const store = vault(blobs);
    await store.replaceRecords({ session, records: recordsOf("1") });
    let seen: unknown;
    const check = async (): Promise<void> => {
      // Reads the store meanwhile.
      seen = await stored(vault(blobs));
    };
    await store.replaceRecords({ session, records: recordsOf("2"), check });
    expect(seen).toEqual({ creds: "1" });
    const refuse = async (): Promise<void> => {
      await check();
      throw new Error("no");
    };
    await expect(store.replaceRecords({ session, records: recordsOf("3"), check: refuse })).rejects.toThrow("no");
    expect(await stored(store)).toEqual({ creds: "2" });
  });

  it("is waited for no longer than the signal says", async () => {
    const store = vault(new MemoryBlobs());
    const stop = new AbortController();
    const check = (): Promise<void> => {
      stop.abort("stop");
      return new Promise(() => {});
    };
    const replacing = store.replaceRecords({ session, records: recordsOf("1"), check, signal: stop.signal });
    await expect(replacing).rejects.toBe("stop");
    expect(await stored(store)).toBeUndefined();
  });
});

describe("a replacement", () => {
  it.each<[string, unknown]>([
    ["no map", undefined],
    ["an empty map", new Map()],
    ["a record without a value", new Map([["creds", undefined]])],
    ["a value that is text", new Map([["creds", "{}"]])],
    ["a key that is no text", new Map([[1, Buffer.from("x")]])],
    ["a key that is too long", new Map([["x".repeat(70_000), Buffer.from("x")]])],
  ])("with %s is INVALID, and writes nothing", async (_, records) => {
    const blobs = new MemoryBlobs();
    const open = await take(vault(blobs));
    await set(open, { creds: "1" });
    await open.close();
    const before = (await vault(blobs).state({ session }))?.entry;
    const replacing = vault(blobs).replaceRecords({ session, records: records as ReadonlyMap<string, Buffer> });
    await expect(replacing).rejects.toMatchObject({ code: "INVALID" });
    expect((await vault(blobs).state({ session }))?.entry).toBe(before);
    expect(await stored(vault(blobs))).toEqual({ creds: "1" });
  });

  it("keeps no records whose own entry is damaged, also when all of them are put together", async () => {
    const blobs = new MemoryBlobs();
    const open = await take(vault(blobs));
    await set(open, { creds: "1" });
    await open.close();
    await vault(blobs).delete({ session });
    await vault(blobs).undelete({ session });
    const { generation = 0 } = (await vault(blobs).state({ session }))?.current ?? {};
    await blobs.put(entryKey(session, generation), Buffer.from("x"));
    const warnings: string[] = [];
    const store = vault(blobs, { onWarning: (message) => warnings.push(message) });
    await store.replaceRecords({ session, records: recordsOf("2") });
    const lease = await store.acquire({ session });
    await store.prune({ session, lease });
    await lease.release();
    expect(warnings).toEqual([]);
    expect((await store.state({ session }))?.generations).toHaveLength(1);
  });

  it("every half a day keeps what it replaced for a week, and then no longer", async () => {
    const rig = new LeaseRig();
    const { store } = rig.process();
    for (let n = 0; n < 60; n++) {
      await store.replaceRecords({ session, records: recordsOf(`${n}`) });
      await rig.time.advance(DAY / 2);
    }
    const numbers = (await store.state({ session }))?.generations.map(({ generation }) => generation) ?? [];
    const values: unknown[] = [];
    for (const generation of numbers) values.push((await stored(store, generation))?.creds);
    expect(values.at(-1)).toBe("59");
    // Those of the last seven days, which were replaced half a day after they came.
    expect(values.slice(-15)).toEqual(Array.from({ length: 15 }, (_, n) => `${45 + n}`));
    expect(values.length).toBeLessThanOrEqual(16);
  });

  it("keeps the newest of what it replaced while its time has not passed by the clock of the log", async () => {
    const rig = new LeaseRig();
    const { store } = rig.process(0, { retainDeletedMs: 1 });
    for (let n = 0; n < 20; n++) {
      await store.replaceRecords({ session, records: recordsOf(`${n}`) });
      await rig.time.advance(DAY);
    }
    expect((await store.state({ session }))?.generations.length).toBeGreaterThan(5);
    expect((await store.state({ session }))?.generations.length).toBeLessThan(9);
  });
});
