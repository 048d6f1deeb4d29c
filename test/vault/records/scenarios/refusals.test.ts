import { describe, expect, it } from "vitest";
import { VaultError } from "../../../../lib/errors.ts";
import type { SessionRecords } from "../../../../lib/vault/records/session-records.ts";
import { isEntryPut, outage, type Requests } from "../../support/requests.ts";
import { MOST_LOOSE, RecordsRig, set, setSome } from "../support/records-rig.ts";

/** A set every 50 ms. */
const SETS = 200;

function denied(): VaultError {
  return new VaultError("DENIED", "no");
}

/** Refuses the first `count` entries. */
function refuseEntries({ requests }: { requests: Requests }, count: number): void {
  let entries = 0;
  requests.intercept = async (call, key, go) => {
    if (isEntryPut(call, key) && ++entries <= count) throw denied();
    return go();
  };
}

describe("a set that is equal in part to one that is refused", () => {
  it("is stored as a whole", async () => {
    const rig = new RecordsRig();
    const process = rig.process();
    const records = await process.open();
    await set(records, { x: "0" });
    // Both in one entry, and then the first one alone.
    refuseEntries(process, 2);
    const results = Promise.allSettled([set(records, { x: "1" }), set(records, { x: "1", y: "2" })]);
    await rig.time.advance(5_000);
    expect((await results).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(await rig.stored()).toEqual({ x: "1", y: "2" });
  });

  it("is stored as a whole after a clear that is refused", async () => {
    const rig = new RecordsRig();
    const process = rig.process();
    const records = await process.open();
    await set(records, { x: "0" });
    refuseEntries(process, 1);
    const results = Promise.allSettled([records.clear(), set(records, { x: undefined, y: "2" })]);
    await rig.time.advance(5_000);
    expect((await results).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(await rig.stored()).toEqual({ y: "2" });
  });
});

it("a set of what is stored is written when one that was refused may still arrive", async () => {
  const rig = new RecordsRig();
  const { requests, open } = rig.process();
  const records = await open();
  await set(records, { x: "0" });
  let late: (() => Promise<unknown>) | undefined;
  requests.intercept = async (call, key, go) => {
    if (!isEntryPut(call, key)) return go();
    if (late) throw denied();
    late = go;
    throw outage();
  };
  const refused = set(records, { x: "1" }).catch((error: unknown) => error);
  await rig.time.advance(5_000);
  expect(await refused).toMatchObject({ code: "DENIED" });
  requests.passAll();
  const same = set(records, { x: "0" });
  await late?.().catch(() => {});
  await rig.time.advance(5_000);
  await same;
  expect(await rig.stored()).toEqual({ x: "0" });
});

it("a store that refuses large entries takes sets one by one, each sent twice at most", async () => {
  const rig = new RecordsRig();
  const { requests, open } = rig.process();
  const records = await open();
  await set(records, { x: "0" });
  await rig.time.advance(0);
  const sent: number[] = [];
  const put = requests.put.bind(requests);
  requests.put = async (key, bytes, options) => {
    if (isEntryPut("put", key)) {
      sent.push(bytes.length);
      if (bytes.length > 3_000) throw denied();
    }
    await put(key, bytes, options);
  };
  const values = Array.from({ length: 50 }, (_, n) => ({ [`b${n}`]: noise(n) }));
  const results = Promise.allSettled(values.map((value) => set(records, value)));
  await rig.time.advance(5_000);
  expect((await results).every(({ status }) => status === "fulfilled")).toBe(true);
  // The group; then each alone.
  expect(sent.filter((bytes) => bytes > 3_000)).toHaveLength(1);
  expect(sent.length).toBeLessThan(60);
  expect(await rig.stored()).toMatchObject(Object.assign({}, ...values));
});

describe("a store that refuses for long", () => {
  /** Sets records while time goes on. @returns what was asked of the store meanwhile */
  async function requestsOf(rig: RecordsRig, requests: Requests, records: SessionRecords): Promise<string[]> {
    await rig.time.advance(100);
    requests.take();
    for (let n = 0; n < SETS; n++) {
      set(records, { [`b${n}`]: "1" }).catch(() => {});
      await rig.time.advance(50);
    }
    return requests.take();
  }

  it("entries: is asked a few times, and each set is told", async () => {
    const rig = new RecordsRig();
    const { requests, open, errors } = rig.process();
    const records = await open();
    await set(records, { x: "0" });
    await rig.time.advance(0);
    requests.intercept = async (call, key, go) => {
      if (isEntryPut(call, key)) throw denied();
      return go();
    };
    const asked = await requestsOf(rig, requests, records);
    expect(asked.length).toBeLessThan(SETS / 10);
    expect(errors.length).toBeLessThan(SETS / 10);
    await rig.time.advance(10_000);
    expect(records.keys()).toEqual(["x"]);
    requests.passAll();
    await set(records, { after: "1" });
    expect(await rig.stored()).toEqual({ x: "0", after: "1" });
  });

  it.each([
    ["denied", denied],
    ["away", outage],
  ])("chunks, %s: is asked for a fold a few times, and takes sets", async (_, error) => {
    const rig = new RecordsRig();
    const { requests, open, errors } = rig.process();
    const records = await open();
    await rig.time.advance(0);
    requests.intercept = async (call, key, go) => {
      if (call === "put" && key.includes("/chunks/")) throw error();
      return go();
    };
    await setSome(records, "a", 4 * MOST_LOOSE + 2);
    const asked = await requestsOf(rig, requests, records);
    expect(asked.filter((request) => !request.startsWith("put "))).toEqual([]);
    expect(asked.filter((request) => request.includes("/chunks/"))).toEqual([]);
    expect(errors).toHaveLength(1);
    expect(Object.keys(await rig.stored())).toHaveLength(4 * MOST_LOOSE + 2 + SETS);
  });

  it("deletes: folds go on, and nothing is lost", async () => {
    const rig = new RecordsRig();
    const { requests, open, errors } = rig.process();
    const records = await open();
    await rig.time.advance(0);
    requests.intercept = async (call, _key, go) => {
      if (call === "delete") throw denied();
      return go();
    };
    for (let round = 0; round < 4; round++) {
      await setSome(records, `r${round} `, 5 * MOST_LOOSE);
      await rig.time.advance(31_000);
    }
    expect(errors.length).toBeGreaterThan(2);
    expect((await rig.keys("chunks")).length).toBeGreaterThan(2);
    const [, ...before] = await rig.keys("log");
    requests.passAll();
    await rig.time.advance(31_000);
    await set(records, { after: "1" });
    await rig.time.advance(31_000);
    expect((await rig.keys("log")).length).toBeLessThan(before.length / 4);
    expect(Object.keys(await rig.stored())).toHaveLength(4 * 5 * MOST_LOOSE + 1);
  });
});

/** 210 characters that cannot be compressed to a few. */
function noise(seed: number): string {
  let text = "";
  for (let n = 0; n < 210; n++) text += String.fromCharCode(33 + ((seed * 7_919 + n * n * 104_729) % 94));
  return text;
}
