import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../../lib/blobs/memory.ts";
import { Vault } from "../../../../lib/vault/vault.ts";
import { expectWarning } from "../../../support/warnings.ts";
import { isEntryPut, outage, Requests } from "../../support/requests.ts";
import { RecordsRig, session, set, setSome } from "../support/records-rig.ts";

expectWarning(/has lost entries or chunks of Baileys-bot/);

const quiet = { retries: 0, retryDelayMs: 0, onWarning: () => {} };

/** Deletes the newest entry, as a server that was killed loses it. */
async function loseNewest(blobs: MemoryBlobs): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of blobs.list(`${session}/log/`)) keys.push(key);
  await blobs.delete(keys.sort().slice(-1));
}

async function stored(blobs: MemoryBlobs): Promise<string[]> {
  return [...((await new Vault({ blobs }).peekRecords({ session }))?.keys() ?? [])].sort();
}

describe("what a store has lost that it had confirmed", () => {
  it("is stored anew also when the outage was within the attempts of one request", async () => {
    const blobs = new MemoryBlobs();
    const requests = new Requests(blobs);
    const records = await new Vault({ ...quiet, blobs: requests, retries: 3, retryDelayMs: 1 }).openRecords({
      session,
    });
    for (let n = 0; n < 5; n++) await set(records, { [`k${n}`]: "1" });
    let isOver = false;
    requests.intercept = async (call, key, go) => {
      if (!isEntryPut(call, key) || isOver) return go();
      isOver = true;
      await loseNewest(blobs);
      throw outage();
    };
    await set(records, { after: "1" });
    await records.close();
    expect(await stored(blobs)).toEqual(["after", "k0", "k1", "k2", "k3", "k4"]);
  });

  it("is stored anew before the session is given back, also when the first look for it fails", async () => {
    const blobs = new MemoryBlobs();
    const requests = new Requests(blobs);
    const records = await new Vault({ ...quiet, blobs: requests }).openRecords({ session });
    for (let n = 0; n < 5; n++) await set(records, { [`k${n}`]: "1" });
    let failures = 0;
    requests.intercept = async (call, key, go) => {
      if (!isEntryPut(call, key) || failures > 0) return go();
      failures++;
      await loseNewest(blobs);
      throw outage();
    };
    const list = requests.list.bind(requests);
    requests.list = (prefix, options) => {
      if (failures++ === 1) throw outage();
      return list(prefix, options);
    };
    await set(records, { after: "1" });
    await records.close();
    expect(failures).toBeGreaterThan(2);
    expect(await stored(blobs)).toEqual(["after", "k0", "k1", "k2", "k3", "k4"]);
  });

  it("is stored anew when only a fold has seen the outage", async () => {
    const rig = new RecordsRig();
    const { requests, open, errors } = rig.process();
    const records = await open();
    await rig.time.advance(0);
    await setSome(records, "a", 4);
    let isOver = false;
    requests.intercept = async (call, key, go) => {
      if (!isEntryPut(call, key) || isOver) return go();
      isOver = true;
      await loseNewest(rig.blobs);
      throw outage();
    };
    await rig.fold();
    expect(errors).toHaveLength(1);
    await set(records, { after: "1" });
    const closing = records.close();
    await rig.time.advance(20_000);
    await closing;
    expect(await rig.stored()).toEqual({ a1: "1", a2: "2", a3: "3", a4: "4", after: "1" });
  });
});

it("a clear that arrives late while a fold waits leaves the session deleted, and undelete brings it back", async () => {
  const rig = new RecordsRig();
  const { requests, open, vault } = rig.process();
  const records = await open();
  await rig.time.advance(0);
  await setSome(records, "a", 3);
  await rig.time.advance(0);
  let foldFails = true;
  let isHeld = false;
  let late: (() => Promise<unknown>) | undefined;
  requests.intercept = async (call, key, go) => {
    if (call === "put" && key.includes("/chunks/")) {
      if (foldFails) throw outage();
      const result = await go();
      // The parts of a fold are stored: now the deletion arrives.
      const arrive = isHeld ? late : undefined;
      if (arrive) isHeld = false;
      await arrive?.();
      return result;
    }
    if (!isEntryPut(call, key) || !isHeld || late) return go();
    late = go;
    throw outage();
  };
  await set(records, { a4: "4" });
  await rig.time.advance(29_900);
  foldFails = false;
  isHeld = true;
  const clearing = records.clear();
  await rig.time.advance(10_000);
  await clearing;
  await records.close(0);
  expect((await vault.state({ session }))?.deleted).toBeDefined();
  await rig.process().vault.undelete({ session });
  expect(await rig.stored()).toEqual({ a1: "1", a2: "2", a3: "3", a4: "4" });
});

it("runs that end right after a set are put together as well, and holds cost an open nothing", async () => {
  const blobs = new MemoryBlobs();
  const requests = new Requests(blobs);
  const run = async (change: Record<string, string>): Promise<void> => {
    const records = await new Vault({ ...quiet, blobs: requests }, { mostLoose: 4 }).openRecords({ session });
    if (Object.keys(change).length > 0) await set(records, change);
    await records.close();
  };
  for (let n = 0; n < 30; n++) await run({ a: String(n) });
  expect((await new Vault({ blobs }).state({ session }))?.current?.generation).toBeGreaterThan(20);
  requests.take();
  await run({});
  const before = requests.take().filter((one) => one.startsWith("get ")).length;
  for (let n = 0; n < 20; n++) await run({});
  requests.take();
  await run({});
  expect(requests.take().filter((one) => one.startsWith("get ")).length).toBeLessThanOrEqual(before + 2);
});

it("a flush ends while others set", async () => {
  const requests = new Requests(new MemoryBlobs());
  requests.intercept = async (_call, _key, go) => {
    await setImmediate();
    return go();
  };
  const records = await new Vault({ blobs: requests }).openRecords({ session });
  let goes = true;
  const go = async (name: string): Promise<void> => {
    for (let n = 0; goes; n++) await set(records, { [name]: String(n) });
  };
  const loops = [go("a")];
  await setImmediate();
  loops.push(go("b"));
  await set(records, { mine: "1" });
  await records.flush();
  goes = false;
  await Promise.all(loops);
  await records.close();
});

it("a listener that throws stops nothing", async () => {
  const requests = new Requests(new MemoryBlobs());
  const uncaught: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", (error) => uncaught.push(error));
  try {
    const onError = (): void => {
      throw new Error("the listener's own");
    };
    const records = await new Vault({ ...quiet, blobs: requests }).openRecords({ session, onError });
    let puts = 0;
    requests.intercept = async (call, key, go) => {
      if (isEntryPut(call, key) && ++puts === 1) throw outage();
      return go();
    };
    await set(records, { a: "1" });
    await records.close();
    expect(uncaught).toEqual([expect.objectContaining({ message: "the listener's own" })]);
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  }
});

it("a set that cannot be stored takes no other with it, and none that equals it resolves", async () => {
  const records = await new Vault({ blobs: new MemoryBlobs() }).openRecords({ session });
  const results = await Promise.allSettled([
    set(records, { good: "1" }),
    set(records, { k: "v", ["x".repeat(70_000)]: "1" }),
    set(records, { k: "v" }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(String(records.get("k"))).toBe("v");
  await records.close();
});
