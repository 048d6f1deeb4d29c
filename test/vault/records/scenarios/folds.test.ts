import { describe, expect, it } from "vitest";
import { gate } from "../../../support/gate.ts";
import { holdBack, isEntryPut, outage } from "../../support/requests.ts";
import { MOST_LOOSE, RecordsRig, set, setSome } from "../support/records-rig.ts";

/** How long a holder waits after a fold that has failed, and some more, in milliseconds. */
const RETRY_MS = 31_000;
/** The longest time between two attempts of a set, in milliseconds. */
const LONGEST_PAUSE_MS = 5_000;

it("a fold that arrives late, with a set, while another one is made, loses nothing to that one", async () => {
  const rig = new RecordsRig();
  const { requests, open, errors } = rig.process();
  const records = await open();
  await setSome(records, "a");
  await rig.time.advance(0);
  // The first entry with the fold is on its way; those after it get no further.
  let late: (() => Promise<unknown>) | undefined;
  const isMade = gate();
  const mayBeStored = gate();
  requests.intercept = async (call, key, go) => {
    if (isEntryPut(call, key)) {
      late ??= go;
      throw outage();
    }
    return go();
  };
  const last = set(records, { last: "1" });
  await rig.time.advance(5_000);
  expect(errors.length).toBeGreaterThan(0);
  requests.intercept = async (call, key, go) => {
    if (isEntryPut(call, key)) throw outage();
    if (call !== "put" || !key.includes("/chunks/")) return go();
    isMade.open();
    await mayBeStored.opened;
    return go();
  };
  const waits = rig.time.advance(RETRY_MS);
  await isMade.opened;
  await late?.();
  await waits;
  await last;
  requests.passAll();
  mayBeStored.open();
  await rig.fold();
  await set(records, { after: "1" });
  await rig.fold();
  expect(await rig.stored()).toEqual({ a1: "1", a2: "2", a3: "3", a4: "4", last: "1", after: "1" });
});

it("a fold of the same records as the one that it replaces stays whole", async () => {
  const rig = new RecordsRig();
  const records = await rig.process().open();
  await set(records, { a: "first" });
  for (let round = 0; round < 2; round++) {
    for (const a of ["1", "2", "same"]) await set(records, { a });
    await rig.fold();
  }
  // From here on what was replaced may be deleted.
  await set(records, { a: "last" });
  await rig.time.advance(0);
  expect(await rig.stored()).toEqual({ a: "last" });
  expect(await rig.keys("chunks")).toHaveLength(1);
});

it("a fold holds no set that is not in the log", async () => {
  const rig = new RecordsRig();
  const { requests, open } = rig.process();
  const records = await open();
  await setSome(records, "a", 3);
  // Two sets that are too large for one entry are called before the fold is made. The entry of the first one carries it.
  const [small, large] = ["x".repeat(20_000), "x".repeat(30_000)];
  let entries = 0;
  requests.intercept = async (call, key, go) => {
    if (!isEntryPut(call, key)) return go();
    entries++;
    if (entries === 1) for (const values of [{ small }, { large }]) void set(records, values);
    if (entries === 2 || entries > 3) throw outage();
    return go();
  };
  await set(records, { a4: "4" });
  await rig.until(() => entries > 4);
  const stored = await rig.stored();
  expect(stored).not.toHaveProperty("large");
  expect(stored).toEqual({ a1: "1", a2: "2", a3: "3", a4: "4", small });
  expect(await rig.keys("chunks")).toHaveLength(1);
});

it("a fold removes the chunks of large sets that it holds, and no other", async () => {
  const rig = new RecordsRig();
  const records = await rig.process().open();
  const expected: Record<string, string> = {};
  const sent = new Set<string>();
  for (const letter of "abcab") {
    const before = await rig.keys("chunks");
    const values = { large: letter.repeat(150_000), [letter]: "" };
    await set(records, values);
    for (const key of await rig.keys("chunks")) if (!before.includes(key)) sent.add(key);
    Object.assign(expected, values);
    expect(await rig.stored()).toEqual(expected);
  }
  expect(sent.size).toBeGreaterThanOrEqual(5 * 3);
  for (const name of ["d", "e", "f"]) {
    await setSome(records, name);
    await rig.fold();
  }
  await rig.until(async () => (await rig.keys("chunks")).every((key) => !sent.has(key)));
  expect(await rig.stored()).toMatchObject(expected);
});

it("a set of many bytes is put together at once, and the process goes on", async () => {
  const rig = new RecordsRig();
  const records = await rig.process().open();
  const large = "x".repeat(1_200_000);
  await set(records, { large });
  const sent = await rig.keys("chunks");
  await set(records, { after: "1" });
  await rig.until(async () => (await rig.keys("chunks")).some((key) => !sent.includes(key)));
  await set(records, { later: "1" });
  expect(await rig.stored()).toEqual({ large, after: "1", later: "1" });
});

it("a set whose entry has arrived late is not said again by a later one", async () => {
  const rig = new RecordsRig();
  const { requests, open, errors } = rig.process();
  const records = await open();
  await set(records, { a: "1" });
  const late = holdBack(requests);
  const second = set(records, { a: "2" });
  await rig.until(() => errors.length > 0);
  await late.arrive();
  requests.passAll();
  await rig.time.advance(LONGEST_PAUSE_MS);
  await second;
  // The hold, and one entry for each set.
  expect(await rig.keys("log")).toHaveLength(3);
});

describe("sets that come faster than they can be put together", () => {
  /** Four times as many entries as make a fold due. */
  const mostAhead = 4 * MOST_LOOSE;

  it("wait for the fold that is under way, and go on once it is in the log", async () => {
    const rig = new RecordsRig();
    const { requests, open } = rig.process();
    const records = await open();
    await rig.time.advance(0);
    const mayBeStored = gate();
    requests.intercept = async (call, key, go) => {
      if (call === "put" && key.includes("/chunks/")) await mayBeStored.opened;
      return go();
    };
    await setSome(records, "a", mostAhead);
    const [before, next] = [(await rig.keys("log")).length, set(records, { next: "1" })];
    await rig.time.advance(LONGEST_PAUSE_MS);
    expect(await rig.keys("log")).toHaveLength(before);
    expect(records.get("next")).toEqual(Buffer.from("1"));
    mayBeStored.open();
    await next;
    expect(Object.keys(await rig.stored())).toHaveLength(mostAhead + 1);
  });

  it("go on as well when the fold fails", async () => {
    const rig = new RecordsRig();
    const { requests, open, errors } = rig.process();
    const records = await open();
    await rig.time.advance(0);
    requests.intercept = async (call, key, go) => {
      if (call === "put" && key.includes("/chunks/")) throw outage();
      return go();
    };
    await setSome(records, "a", mostAhead + 2);
    expect(errors).not.toHaveLength(0);
    requests.passAll();
    await rig.time.advance(RETRY_MS);
    await set(records, { after: "1" });
    await rig.fold();
    expect(Object.keys(await rig.stored())).toHaveLength(mostAhead + 3);
    expect((await rig.keys("log")).length).toBeLessThan(mostAhead);
  });
});
