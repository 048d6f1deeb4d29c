import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { VaultError } from "../../../lib/errors.ts";
import type { Lease, RestoreReport, SaveReport } from "../../../lib/store.ts";
import { entryKey } from "../../../lib/vault/layout.ts";
import type { VaultLease } from "../../../lib/vault/lease.ts";
import { Vault, type VaultOptions } from "../../../lib/vault/vault.ts";
import { captureOf, type Files, noise, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { takeOver } from "../../support/take-over.ts";
import { FakeTime } from "../support/fake-time.ts";
import { LatePuts } from "../support/late-puts.ts";

const session = "RemoteAuth-bot";
const DAY = 24 * 60 * 60 * 1000;

const folder = useFolder();
let line: LatePuts;
let store: Vault;
let lease: Lease;

beforeEach(async () => {
  line = new LatePuts();
  store = open();
  lease = await store.acquire({ session });
});

function open(options: VaultOptions = {}): Vault {
  return new Vault({ blobs: line, retries: 0, retryDelayMs: 0, onWarning: () => {}, ...options });
}

function save(value: string, more: Files = {}, by = store, hold = lease): Promise<SaveReport> {
  return by.saveProfile({ session, lease: hold, capture: captureOf(profileFiles(value, more)) });
}

/** As another machine would have it. */
async function restored(generation?: number): Promise<RestoreReport> {
  const report = await open().restoreProfile({ session, into: folder(), generation });
  expect(report.skipped).toEqual([]);
  return report;
}

describe("a deletion for good", () => {
  it("is refused when an entry that is sent after it keeps it from removing the data; the next call removes them", async () => {
    const { writer } = lease as VaultLease;
    await save("before");
    let late: Promise<unknown> = Promise.resolve();
    line.afterPut = async () => {
      line.afterPut = undefined;
      line.holdsBack = true;
      late = writer.commit(() => ({ kind: "retained" })).catch((error: unknown) => error);
    };
    const chunks = async (): Promise<string[]> => (await line.keys()).filter((key) => key.includes("/chunks/"));
    const deleted = store.delete({ session, lease, retainMs: 0 });
    await expect(deleted).rejects.toMatchObject({ code: "UNAVAILABLE", message: /call it again/ });
    expect(await late).toMatchObject({ code: "UNAVAILABLE" });
    expect(await chunks()).not.toEqual([]);
    line.holdsBack = false;
    await store.delete({ session, lease, retainMs: 0 });
    expect(await chunks()).toEqual([]);
  });
});

describe("a deletion that finds nothing to do while a save is pending", () => {
  it("stops the first save of a new session", async () => {
    await line.during(() => save("logged out"));
    await store.delete({ session, lease });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
    await save("linked anew");
    expect(await store.sessionExists({ session })).toBe(true);
  });

  it("stops it also without the lease, which was released", async () => {
    await line.during(() => save("logged out"));
    await lease.release();
    await store.delete({ session });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
  });

  it("stops it also when the vault has an older hold of its own", async () => {
    await save("before");
    await lease.release();
    await store.delete({ session, retainMs: 0 });
    lease = await store.acquire({ session });
    await line.during(() => save("logged out"));
    await lease.release();
    await store.delete({ session });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
  });

  it("stops the first save after an earlier deletion, which can still be undone", async () => {
    const { generation } = await save("before");
    await store.delete({ session, lease });
    await line.during(() => save("logged out"));
    await store.delete({ session, lease });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
    await store.undelete({ session, lease });
    expect((await store.state({ session }))?.current?.generation).toBe(generation);
  });

  it("deletes the save for good when that has arrived meanwhile", async () => {
    await line.during(() => save("logged out"));
    await store.delete({ session, lease, retainMs: 0 });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
    expect((await line.keys()).filter((key) => key.includes("/chunks/"))).toEqual([]);
  });

  it("rejects with LEASE_LOST when another process has taken the session meanwhile", async () => {
    const other = open();
    await save("theirs", {}, other, await takeOver(other, session));
    await expect(store.delete({ session, lease })).rejects.toMatchObject({ code: "LEASE_LOST" });
  });
});

describe("a deletion that is undone while it is pending", () => {
  it("stays undone when it arrives", async () => {
    await save("one");
    await line.during(() => store.delete({ session, lease }));
    await store.undelete({ session, lease });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(true);
  });
});

describe("two holders of the same epoch, because the store has lost a hold", () => {
  let other: Vault;
  let otherLease: Lease;

  beforeEach(async () => {
    await save("first");
    lease = await takeOver(store, session);
    await line.backend.delete([entryKey(session, (await store.state({ session }))?.entry ?? 0)]);
    other = open();
    otherLease = await other.acquire({ session });
    expect(otherLease.epoch).toBe(lease.epoch);
  });

  it("give the session to the first that commits, and the second loses its lease", async () => {
    const { generation } = await save("one's");
    const large = { "Default/a.ldb": noise(600_000) };
    await expect(save("the other's", large, other, otherLease)).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(otherLease.lost.aborted).toBe(true);
    await store.prune({ session, lease });
    expect((await restored()).generation).toBe(generation);
  });

  it("stop the first one's prune, which deletes nothing", async () => {
    const before = await line.keys();
    await expect(store.prune({ session, lease })).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await line.keys()).toEqual(before);
    await save("the other's", {}, other, otherLease);
    expect(otherLease.lost.aborted).toBe(false);
  });
});

describe("a number that is free again because another holder has pruned it", () => {
  const change = (value: string): Files => ({ "Default/a.ldb": noise(600_000, value.length) });
  let other: Vault;
  let otherLease: Lease;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    store = open({ keep: 2 });
    other = open({ keep: 2 });
    lease = await takeOver(store, session);
    for (const value of ["x", "xx", "xxx", "xxxx"]) {
      await save(value, change(value));
      vi.setSystemTime(Date.now() + 2 * DAY);
    }
  });
  afterEach(() => vi.useRealTimers());

  /**
   * Takes the session, goes back to an older generation and prunes: the newest entry before the hold goes. All within a
   * minute: nobody lists for having been idle.
   */
  async function takeAndPrune(): Promise<number> {
    const entry = (await other.state({ session }))?.entry ?? 0;
    otherLease = await takeOver(other, session);
    const generation = (await other.state({ session }))?.generations.at(-2)?.generation ?? 0;
    await other.rollback({ session, lease: otherLease, generation });
    await other.prune({ session, lease: otherLease });
    expect(await line.keys()).not.toContain(entryKey(session, entry));
    return generation;
  }

  async function isUntouched(generation: number): Promise<void> {
    expect(lease.lost.aborted).toBe(true);
    expect((await restored()).generation).toBe(generation);
    await save("theirs", {}, other, otherLease);
  }

  it("is no commit for a writer whose entry was given up before", async () => {
    const { generation } = await save("xxxxx", change("xxxxx"));
    await line.during(() => store.mark({ session, lease, generation, as: "proven" }));
    await line.arrive();
    const current = await takeAndPrune();
    await expect(save("zombie", change("zombie"))).rejects.toMatchObject({ code: "LEASE_LOST" });
    await expect(store.prune({ session, lease })).rejects.toMatchObject({ code: "LEASE_LOST" });
    await isUntouched(current);
  });

  it("is no commit for a writer whose earlier entry arrives while it sends the next one", async () => {
    const { generation } = await save("xxxxx", change("xxxxx"));
    await line.during(() => store.mark({ session, lease, generation, as: "proven" }));
    let current = 0;
    line.beforePut = async () => {
      line.beforePut = undefined;
      await line.arrive();
      current = await takeAndPrune();
    };
    await expect(save("zombie", change("zombie"))).rejects.toMatchObject({ code: "LEASE_LOST" });
    await isUntouched(current);
  });

  it("is no commit for a deletion for good either", async () => {
    const { generation } = await save("xxxxx", change("xxxxx"));
    await line.during(() => store.mark({ session, lease, generation, as: "proven" }));
    await line.arrive();
    const current = await takeAndPrune();
    await expect(store.delete({ session, lease, retainMs: 0 })).rejects.toMatchObject({ code: "LEASE_LOST" });
    await isUntouched(current);
  });

  it("is no commit for a writer that slept between two attempts", async () => {
    store = open({ keep: 2, retries: 1 });
    lease = await takeOver(store, session);
    const { generation } = await save("xxxxx", change("xxxxx"));
    let current = 0;
    line.afterPut = async () => {
      line.afterPut = undefined;
      current = await takeAndPrune();
      throw new VaultError("UNAVAILABLE", "reset");
    };
    const marking = store.mark({ session, lease, generation, as: "proven" });
    await expect(marking).rejects.toMatchObject({ code: "LEASE_LOST" });
    await isUntouched(current);
  });
});

describe("a holder that loses its lease right after it has committed a deletion for good", () => {
  it("deletes nothing, and leaves that to the next holder", async () => {
    await save("one");
    line.afterPut = async () => {
      line.afterPut = undefined;
      await open().breakLease({ session });
    };
    const before = (await line.keys()).filter((key) => !key.includes("/lease/"));
    await expect(store.delete({ session, lease, retainMs: 0 })).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await line.keys()).toEqual(expect.arrayContaining(before));
    await store.delete({ session, retainMs: 0 });
    expect((await line.keys()).filter((key) => key.includes("/chunks/"))).toEqual([]);
  });
});

describe("an entry that arrives late in a store without exclusive create", () => {
  beforeEach(async () => {
    line = new LatePuts({ exclusiveCreate: false });
    store = open();
    lease = await store.acquire({ session });
    await save("one");
  });

  it("replaces no save that was committed meanwhile", async () => {
    const table = { "Default/a.ldb": noise(600_000) };
    await line.during(() => save("two", table));
    const { generation, id } = await save("three");
    await line.arrive();
    expect(await restored()).toMatchObject({ generation, id });
    expect((await save("four")).generation).toBe(generation + 1);
    expect(lease.lost.aborted).toBe(false);
    await store.prune({ session, lease });
    expect(await line.keys()).not.toContain(entryKey(session, generation - 1));
    for (const kept of (await store.state({ session }))?.generations ?? []) {
      expect(await restored(kept.generation)).toMatchObject({ generation: kept.generation, id: kept.id });
    }
  });

  it("replaces no save when several were given up, and counts when it arrives in time", async () => {
    await line.during(() => save("two"));
    const entry = (await store.state({ session }))?.entry;
    const arriveFirst = line.take();
    await line.during(() => save("three"));
    await arriveFirst();
    const { generation } = await save("four");
    expect(generation).toBe((entry ?? 0) + 3);
    await line.arrive();
    expect((await store.state({ session }))?.generations.map((kept) => kept.generation)).toEqual([2, 3, 5]);
    expect((await restored()).generation).toBe(generation);
    await store.prune({ session, lease });
    expect(await line.keys()).not.toContain(entryKey(session, 4));
  });

  it("is swept within a month when it arrives after its number was pruned", async () => {
    const time = new FakeTime();
    store = new Vault({ blobs: line, retries: 0, onWarning: () => {} }, { clock: time.clock() });
    lease = await store.acquire({ session });
    await line.during(() => save("two"));
    await save("three");
    await store.prune({ session, lease });
    await line.arrive();
    expect(await line.keys()).toContain(entryKey(session, 4));
    time.skip(31 * DAY);
    const { generation } = await save("four");
    await store.prune({ session, lease });
    expect(await line.keys()).not.toContain(entryKey(session, 4));
    expect((await restored()).generation).toBe(generation);
  });

  it("does not undo a deletion, with the lease or without", async () => {
    await store.delete({ session, lease });
    await line.during(() => save("logged out"));
    await store.delete({ session, lease });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
    await line.during(() => save("logged out"));
    await store.delete({ session });
    await line.arrive();
    expect(await store.sessionExists({ session })).toBe(false);
    await expect(save("logged out")).rejects.toMatchObject({ code: "LEASE_LOST" });
  });

  it("replaces no save when it is a hold that was given up", async () => {
    await line.during(() => store.acquire({ session }));
    const { generation } = await save("two");
    await line.arrive();
    expect(await restored()).toMatchObject({ generation });
    await line.during(() => store.acquire({ session }));
    lease = await store.acquire({ session });
    await line.arrive();
    await save("three");
    await store.prune({ session, lease });
    expect(lease.lost.aborted).toBe(false);
  });

  it("takes the session from no holder whose next entry came late as well, when it is a hold that was given up", async () => {
    await line.during(() => store.acquire({ session }));
    const arriveHold = line.take();
    await line.during(() => save("two"));
    await line.arrive();
    await arriveHold();
    const { generation } = await save("three");
    expect(lease.lost.aborted).toBe(false);
    expect(await restored()).toMatchObject({ generation });
  });

  it("lets an older lease of the vault find the newer one, also when several were given up", async () => {
    for (const value of ["two", "three"]) await line.during(() => save(value));
    const next = await store.acquire({ session });
    await expect(save("four")).rejects.toMatchObject({ code: "LEASE_LOST" });
    const { generation } = await save("five", {}, store, next);
    await line.arrive();
    expect((await restored()).generation).toBe(generation);
  });

  it("is waited for by a save of the same vault, when it is a hold that is just sent", async () => {
    let saving: Promise<unknown> | undefined;
    line.beforePut = async () => {
      line.beforePut = undefined;
      saving = save("two").catch(({ code }) => code);
      // Long enough for a save that does not wait.
      for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve));
    };
    const next = await store.acquire({ session });
    expect(await saving).toBe("LEASE_LOST");
    const { generation, id } = await save("three", {}, store, next);
    expect(await restored()).toMatchObject({ generation, id });
    await store.prune({ session, lease: next });
    expect(next.lost.aborted).toBe(false);
  });

  it("still lets a writer find that it has lost its lease while its entry was pending", async () => {
    await line.during(() => save("two"));
    await open().acquire({ session });
    await expect(save("three")).rejects.toMatchObject({ code: "LEASE_LOST" });
  });
});
