import { beforeEach, describe, expect, it } from "vitest";
import type { Lease, SaveReport } from "../../../lib/store.ts";
import { entryKey } from "../../../lib/vault/layout.ts";
import { captureOf, noise, profileFiles } from "../../contract/profile.ts";
import { gate } from "../../support/gate.ts";
import { settle } from "../support/fake-time.ts";
import { LeaseRig, type RigProcess, SECOND, SESSION } from "../support/lease-rig.ts";
import { failAll, holdBack, isEntryPut, outage } from "../support/requests.ts";

const lost = { code: "LEASE_LOST" };

let rig: LeaseRig;
let holder: RigProcess;
let lease: Lease;

beforeEach(async () => {
  rig = new LeaseRig();
  holder = rig.process();
  lease = await holder.store.acquire({ session: SESSION });
});

function save(value: string): Promise<SaveReport> {
  return holder.store.saveProfile({ session: SESSION, lease, capture: captureOf(profileFiles(value)) });
}

/** Begins a save whose uploads take until `end` is called. */
async function longSave(): Promise<{ end: () => Promise<SaveReport> }> {
  const [began, uploaded] = [gate(), gate()];
  holder.requests.intercept = async (call, key, go) => {
    if (call === "put" && key.includes("/chunks/")) {
      began.open();
      await uploaded.opened;
    }
    return go();
  };
  const saving = save("one");
  await began.opened;
  const end = (): Promise<SaveReport> => {
    uploaded.open();
    return saving;
  };
  return { end };
}

/** Another process takes the session, whoever has it. */
async function isOvertaken(): Promise<void> {
  await rig.process().store.breakLease({ session: SESSION });
}

describe("renewals", () => {
  it("come three times in the time of a lease, each with a look, a blob and a delete", async () => {
    holder.requests.take();
    await rig.time.advance(60 * SECOND);
    const calls = holder.requests.take().map((line) => line.replace(/ \S*\/(log|lease)\/\S*/g, " $1"));
    expect(calls).toEqual(Array.from({ length: 3 }, () => ["get log", "put lease", "delete lease"]).flat());
    expect(await rig.leaseKeys()).toEqual([expect.stringMatching(/\/0000000000000004$/)]);
    expect(await rig.kinds()).toEqual(["hold"]);
  });

  it("go on after an outage, and leave nothing of it behind", async () => {
    holder.requests.intercept = (_call, key, go) => (key.includes("/lease/") ? Promise.reject(outage()) : go());
    await rig.time.advance(300 * SECOND);
    holder.requests.passAll();
    await rig.time.advance(40 * SECOND);
    expect((await rig.leaseKeys()).length).toBe(1);
    await expect(rig.process().store.acquire({ session: SESSION })).rejects.toMatchObject({ code: "LEASE_HELD" });
  });

  it("delete what a long outage has left in a request of a few keys", async () => {
    holder.requests.intercept = (_call, key, go) => (key.includes("/lease/") ? Promise.reject(outage()) : go());
    await rig.time.advance(3_600 * SECOND);
    holder.requests.passAll();
    holder.requests.take();
    await rig.time.advance(20 * SECOND);
    const deletes = holder.requests.take().filter((line) => line.startsWith("delete "));
    expect(deletes.map((line) => line.split(" ").length - 1)).toEqual([64]);
  });

  it("say when the lease ends by the time before their look", async () => {
    holder.requests.intercept = async (_call, key, go) => {
      if (key.includes("/log/")) await holder.clock.sleep(10 * SECOND);
      return go();
    };
    await rig.time.advance(31 * SECOND);
    const refused = rig.process().store.acquire({ session: SESSION });
    await expect(refused).rejects.toMatchObject({ expiresAt: new Date("2026-11-28T10:01:20.001Z") });
  });

  it("tell the holder that it was overtaken, between two calls", async () => {
    await isOvertaken();
    expect(lease.lost.aborted).toBe(false);
    await rig.time.advance(20 * SECOND);
    expect(lease.lost.reason).toMatchObject(lost);
    expect(rig.time.timers(holder.clock)).toBe(0);
    await lease.release();
    expect((await rig.leaseKeys()).filter((key) => key.endsWith("released"))).toEqual([]);
  });

  it("tell it at their time also while a renewal before waits for the store", async () => {
    holder.loseLeasePuts();
    await rig.time.advance(20 * SECOND);
    await isOvertaken();
    await rig.time.advance(20 * SECOND);
    expect(lease.lost.reason).toMatchObject(lost);
  });

  it("tell it also when it was overtaken behind an entry of its own that came late", async () => {
    const late = holdBack(holder.requests);
    await expect(save("one")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    holder.requests.passAll();
    await late.arrive();
    await isOvertaken();
    // And was pruned since.
    await rig.backend.delete([entryKey(SESSION, 2)]);
    await rig.time.advance(20 * SECOND);
    expect(lease.lost.reason).toMatchObject(lost);
  });

  it("end the uploads of a save when another process has taken the session", async () => {
    const blobs = holder.requests;
    blobs.traits = async () => ({ ...(await rig.backend.traits()), maxBlobBytes: 64 * 1024 });
    const store = holder.open({ concurrency: 1 });
    await lease.release();
    lease = await store.acquire({ session: SESSION });
    blobs.take();
    const [sent, answered] = [gate(), gate()];
    blobs.intercept = async (call, key, go) => {
      if (call === "put" && key.includes("/chunks/")) {
        sent.open();
        await answered.opened;
      }
      return go();
    };
    const capture = captureOf(profileFiles("one", { "Default/large": noise(640 * 1024) }));
    const saving = expect(store.saveProfile({ session: SESSION, lease, capture })).rejects.toMatchObject(lost);
    await sent.opened;
    await isOvertaken();
    await rig.time.advance(20 * SECOND);
    expect(lease.lost.aborted).toBe(true);
    answered.open();
    await saving;
    // The one that was under way, and the one that waited for it.
    expect(blobs.take().filter((line) => /^put .*\/chunks\//.test(line)).length).toBeLessThanOrEqual(2);
  });

  it("take no entry of the holder for another one's while it saves", async () => {
    holder.requests.intercept = async (call, key, go) => {
      const result = await go();
      // The answer of the save comes after the look.
      if (call === "put" && key.includes("/log/")) await holder.clock.sleep(30 * SECOND);
      return result;
    };
    const saving = save("one");
    await rig.time.advance(60 * SECOND);
    await saving;
    expect(lease.lost.aborted).toBe(false);
  });
});

describe("a renewal that comes late", () => {
  it("leaves a sign in the log, once", async () => {
    holder.clock.isPaused = true;
    await rig.time.advance(26 * SECOND);
    holder.clock.isPaused = false;
    await rig.time.advance(120 * SECOND);
    expect(await rig.kinds()).toEqual(["hold", "renewed"]);
    expect(lease.lost.aborted).toBe(false);
  });

  it("leaves one also after a sleep in which the monotonic clock stood still", async () => {
    await rig.time.advance(10 * SECOND);
    holder.clock.skewMs += 600 * SECOND;
    await rig.time.advance(60 * SECOND);
    expect(await rig.kinds()).toEqual(["hold", "renewed"]);
  });

  it("leaves one also when its wall clock was set back meanwhile", async () => {
    holder.clock.isPaused = true;
    await rig.time.advance(26 * SECOND);
    holder.clock.skewMs -= 600 * SECOND;
    holder.clock.isPaused = false;
    await rig.time.advance(SECOND);
    expect(await rig.kinds()).toEqual(["hold", "renewed"]);
  });

  it("is late after a twelfth of a short lease", async () => {
    await lease.release();
    const short = rig.process(0, { leaseTtlMs: 6 * SECOND });
    await short.store.acquire({ session: SESSION });
    short.clock.isPaused = true;
    await rig.time.advance(2.6 * SECOND);
    short.clock.isPaused = false;
    await rig.time.advance(SECOND);
    expect(await rig.kinds()).toEqual(["hold", "hold", "renewed"]);
  });

  it("leaves none when an entry that is under way does", async () => {
    const sent = gate();
    holder.requests.intercept = async (call, key, go) => {
      if (isEntryPut(call, key)) await sent.opened;
      return go();
    };
    const saving = save("one");
    holder.clock.isPaused = true;
    await rig.time.advance(30 * SECOND);
    holder.clock.isPaused = false;
    await rig.time.advance(0);
    sent.open();
    await saving;
    await settle();
    expect(await rig.kinds()).toEqual(["hold", "save"]);
  });

  it("is late by the time since the last one was sent, whenever that was answered", async () => {
    let renewals = 0;
    holder.requests.intercept = async (call, key, go) => {
      const isRenewal = call === "put" && key.includes("/lease/");
      if (isRenewal && ++renewals === 2) throw outage();
      const result = await go();
      if (isRenewal && renewals === 1) await holder.clock.sleep(18 * SECOND);
      return result;
    };
    await rig.time.advance(21 * SECOND);
    const waiter = rig.process(3_600 * SECOND);
    let judgedAt = 0;
    waiter.requests.intercept = async (call, key, go) => {
      // It has seen no renewal for half of a lease, and is about to take the session, when one comes.
      if (isEntryPut(call, key) && judgedAt === 0) {
        judgedAt = rig.time.now;
        await waiter.clock.sleep(10 * SECOND);
      }
      return go();
    };
    await expect(waiter.takes(60 * SECOND)).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(judgedAt).toBeGreaterThan(50 * SECOND);
    expect(judgedAt).toBeLessThan(60 * SECOND);
    expect(lease.lost.aborted).toBe(false);
    expect(await rig.kinds()).toEqual(["hold", "renewed"]);
  });

  it("leaves one while a save uploads for minutes, and the save is committed after it", async () => {
    const saving = await longSave();
    holder.clock.isPaused = true;
    await rig.time.advance(30 * SECOND);
    holder.clock.isPaused = false;
    await rig.time.advance(300 * SECOND);
    expect(await rig.kinds()).toEqual(["hold", "renewed"]);
    expect(await saving.end()).toMatchObject({ generation: 3, unchanged: false });
    expect(await rig.kinds()).toEqual(["hold", "renewed", "save"]);
    expect(lease.lost.aborted).toBe(false);
  });

  it("keeps the session from a process that has judged by the one that did not come", async () => {
    await isTriedFor();
    await save("one");
  });

  it("keeps it also while a save uploads for minutes", async () => {
    const saving = await longSave();
    await isTriedFor();
    await saving.end();
    expect(await rig.kinds()).toEqual(["hold", "renewed", "save"]);
  });

  /** Another process judges that the lease is over. It is about to take the session, when the holder wakes. */
  async function isTriedFor(): Promise<void> {
    const waiter = rig.process();
    holder.clock.isPaused = true;
    let isAwake = false;
    waiter.requests.intercept = async (call, key, go) => {
      if (isEntryPut(call, key) && !isAwake) {
        isAwake = true;
        holder.clock.isPaused = false;
        await waiter.clock.sleep(5 * SECOND);
      }
      return go();
    };
    await expect(waiter.takes(90 * SECOND)).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(isAwake).toBe(true);
    expect(lease.lost.aborted).toBe(false);
    expect(await rig.kinds()).toEqual(["hold", "renewed"]);
  }
});

describe("a renewal that comes late during a prune", () => {
  it("leaves all that is kept trusted, and the prune comes to its end", async () => {
    for (const value of ["one", "two"]) await save(value);
    const listed = gate();
    const began = gate();
    const list = holder.requests.list.bind(holder.requests);
    holder.requests.list = async function* (prefix, options) {
      yield* list(prefix, options);
      if (prefix !== `${SESSION}/`) return;
      began.open();
      await listed.opened;
    };
    const pruning = holder.store.prune({ session: SESSION, lease });
    await began.opened;
    holder.clock.isPaused = true;
    await rig.time.advance(30 * SECOND);
    holder.clock.isPaused = false;
    await rig.time.advance(0);
    listed.open();
    await pruning;
    expect(await rig.kinds()).toEqual(["hold", "save", "save", "renewed"]);
    expect(holder.warnings).toEqual([]);
    expect(await save("two")).toMatchObject({ generation: 3, unchanged: true });
  });
});

describe("a renewal that comes late while a session is deleted for good", () => {
  it("leaves nothing of it", async () => {
    await save("one");
    const [confirms, goOn, sent] = [gate(), gate(), gate()];
    holder.requests.intercept = async (call, key, go) => {
      if (isEntryPut(call, key) && key === entryKey(SESSION, 4)) await sent.opened;
      const result = await go();
      if (call === "get" && key === entryKey(SESSION, 3) && result) {
        confirms.open();
        await goOn.opened;
      }
      return result;
    };
    const deleting = holder.store.delete({ session: SESSION, lease, retainMs: 0 });
    // The deletion is in the log, and makes sure that it is the newest entry.
    await confirms.opened;
    holder.clock.isPaused = true;
    await rig.time.advance(30 * SECOND);
    holder.clock.isPaused = false;
    await rig.time.advance(0);
    goOn.open();
    await settle();
    sent.open();
    await deleting;
    await settle();
    const left: string[] = [];
    for await (const { key } of rig.backend.list(`${SESSION}/chunks/`)) left.push(key);
    expect(left).toEqual([]);
    expect(await rig.kinds()).toEqual(["hold", "deleted", "renewed"]);
  });
});

describe("a holder that is stopped for longer than its lease lasts", () => {
  it("is told when it wakes that another process has the session, and commits nothing", async () => {
    await save("one");
    holder.clock.isPaused = true;
    const other = rig.process();
    const { lease: next, seconds } = await other.takes(120 * SECOND);
    expect(seconds).toBeLessThanOrEqual(62);
    const capture = captureOf(profileFiles("two"));
    const { generation } = await other.store.saveProfile({ session: SESSION, lease: next, capture });
    holder.clock.isPaused = false;
    await expect(save("three")).rejects.toMatchObject(lost);
    await rig.time.advance(1);
    expect(lease.lost.reason).toMatchObject(lost);
    expect(next.lost.aborted).toBe(false);
    expect((await other.store.state({ session: SESSION }))?.current?.generation).toBe(generation);
  });

  it("goes on when nobody has come", async () => {
    holder.clock.isPaused = true;
    await rig.time.advance(600 * SECOND);
    holder.clock.isPaused = false;
    await save("one");
    await rig.time.advance(60 * SECOND);
    expect(lease.lost.aborted).toBe(false);
  });
});

describe("a holder that does not reach the store", () => {
  it.each<[string, (by: RigProcess) => void, RegExp]>([
    ["an outage", (by) => failAll(by.requests), /VaultError: away/],
    ["a store that hangs", (by) => by.loseLeasePuts(), /The store did not answer\./],
  ])("is told once that its lease has ended: %s", async (_, happens, why) => {
    happens(holder);
    await rig.time.advance(59 * SECOND);
    expect(holder.warnings).toEqual([]);
    await rig.time.advance(300 * SECOND);
    const told =
      /^Could not renew the lease of RemoteAuth-bot for \d+ s: another process may take the session and run it\. /;
    expect(holder.warnings).toEqual([expect.stringMatching(told)]);
    expect(holder.warnings[0]).toMatch(why);
    holder.requests.passAll();
    await rig.time.advance(60 * SECOND);
    happens(holder);
    await rig.time.advance(300 * SECOND);
    expect(holder.warnings.length).toBe(2);
    expect(lease.lost.aborted).toBe(false);
  });
});

describe("a release", () => {
  it("ends the renewals, and leaves no timer", async () => {
    await lease.release();
    expect(rig.time.timers()).toBe(0);
    holder.requests.take();
    await rig.time.advance(600 * SECOND);
    expect(holder.requests.take()).toEqual([]);
  });

  it("is not undone by a renewal that takes effect late: nobody waits", async () => {
    let late: (() => Promise<unknown>) | undefined;
    holder.requests.intercept = (call, key, go) => {
      if (call !== "put" || !key.includes("/lease/")) return go();
      late = go;
      return Promise.reject(outage());
    };
    await rig.time.advance(20 * SECOND);
    holder.requests.passAll();
    await lease.release();
    if (!late) throw new Error("no renewal was sent");
    await late();
    expect((await rig.process().takes(120 * SECOND)).seconds).toBe(0);
  });

  it("is over in seconds also when the store does not answer, and the lease ends by itself", async () => {
    holder.loseLeasePuts();
    let isReleased = false;
    const releasing = lease.release().then(() => {
      isReleased = true;
    });
    await rig.time.advance(4 * SECOND);
    expect(isReleased).toBe(false);
    await rig.time.advance(1 * SECOND);
    expect(isReleased).toBe(true);
    await releasing;
    expect(rig.time.timers()).toBe(0);
    const waiter = rig.process();
    await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect((await waiter.takes(120 * SECOND)).seconds).toBeLessThanOrEqual(61);
  });

  it("lets its own store take the session again at once also when the backend did not take it", async () => {
    holder.loseLeasePuts();
    const releasing = lease.release();
    await rig.time.advance(5 * SECOND);
    await releasing;
    holder.requests.passAll();
    expect((await holder.takes(0)).seconds).toBe(0);
  });

  it("never rejects", async () => {
    holder.requests.intercept = () => Promise.reject(outage());
    await lease.release();
    await lease.release();
  });
});
