import { beforeEach, describe, expect, it } from "vitest";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { LeaseRig, type RigProcess, SECOND, SESSION } from "../support/lease-rig.ts";

const HOUR = 3_600 * SECOND;
const MINUTES = 180 * SECOND;
const held = { code: "LEASE_HELD" };

let rig: LeaseRig;
let holder: RigProcess;

beforeEach(() => {
  rig = new LeaseRig();
  holder = rig.process();
});

/** From now on the holder renews nothing. */
function dies(): void {
  holder.clock.isPaused = true;
}

describe("a lease that is renewed", () => {
  it.each([
    ["right", 0],
    ["an hour ahead", HOUR],
    ["an hour behind", -HOUR],
  ])("is waited for as long as it takes, by a process whose wall clock is %s", async (_, skewMs) => {
    const { lost } = await holder.store.acquire({ session: SESSION });
    const waiter = rig.process(skewMs);
    await rig.time.advance(7 * SECOND);
    await expect(waiter.takes(10 * MINUTES)).rejects.toMatchObject(held);
    expect(rig.time.now).toBeGreaterThanOrEqual(10 * MINUTES);
    expect(lost.aborted).toBe(false);
  });

  it("is not over for a process that was stopped during its requests", async () => {
    await holder.store.acquire({ session: SESSION });
    const waiter = rig.process();
    await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject(held);
    // What it is told is two minutes old when it hears it.
    const list = waiter.requests.list.bind(waiter.requests);
    waiter.requests.list = async function* (prefix, options) {
      yield* list(prefix, options);
      if (prefix.includes("/lease/")) rig.time.skip(120 * SECOND);
    };
    await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject(held);
  });

  it("is not over for a process whose first request was on its way for long", async () => {
    await holder.store.acquire({ session: SESSION });
    dies();
    const waiter = rig.process(-HOUR);
    const list = waiter.requests.list.bind(waiter.requests);
    waiter.requests.list = async function* (prefix, options) {
      if (prefix.includes("/lease/")) rig.time.skip(50 * SECOND);
      yield* list(prefix, options);
    };
    await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject(held);
    waiter.requests.list = list;
    await rig.time.advance(55 * SECOND);
    // It was there 50 s after the process had asked.
    await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject(held);
    await rig.time.advance(5 * SECOND);
    await waiter.store.acquire({ session: SESSION });
  });

  it("is taken within moments of its release", async () => {
    const lease = await holder.store.acquire({ session: SESSION });
    const taking = rig.process().takes(MINUTES);
    await rig.time.advance(SECOND);
    await lease.release();
    expect((await taking).seconds).toBeLessThanOrEqual(1.5);
  });

  it("is not over for a process that sees an early renewal take effect once more", async () => {
    const renewals: (() => Promise<unknown>)[] = [];
    holder.requests.intercept = (call, key, go) => {
      if (call === "put" && key.includes("/lease/")) renewals.push(go);
      return go();
    };
    await holder.store.acquire({ session: SESSION });
    const waiter = rig.process(-HOUR);
    await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject(held);
    await rig.time.advance(70 * SECOND);
    expect(renewals.length).toBe(4);
    await renewals[0]?.();
    await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject(held);
  });

  it("is alive also where only the log shows it", async () => {
    const lease = await holder.store.acquire({ session: SESSION });
    holder.loseLeasePuts();
    const waiter = rig.process(-HOUR);
    for (let round = 0; round < 5; round++) {
      await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject(held);
      await rig.time.advance(50 * SECOND);
      const capture = captureOf(profileFiles(`round ${round}`));
      await holder.store.saveProfile({ session: SESSION, lease, capture });
    }
  });
});

describe("a lease that is not renewed", () => {
  it.each([
    // Nobody can tell how much of it had passed: half of it must be seen unchanged.
    ["right", 0, 30, 31],
    ["an hour ahead", HOUR, 30, 31],
    ["an hour behind", -HOUR, 60, 62],
  ])("is over within its time, for a process whose wall clock is %s", async (_, skewMs, least, most) => {
    await holder.store.acquire({ session: SESSION });
    dies();
    const waiter = rig.process(skewMs);
    await rig.time.advance(40 * SECOND);
    const { lease, seconds } = await waiter.takes(MINUTES);
    expect(seconds).toBeGreaterThanOrEqual(least);
    expect(seconds).toBeLessThanOrEqual(most);
    expect(lease.epoch).toBe(2);
  });

  it("is over by its own time, not by that of the process that waits", async () => {
    const short = rig.process(0, { leaseTtlMs: 3 * SECOND });
    await short.store.acquire({ session: SESSION });
    short.clock.isPaused = true;
    expect((await rig.process(-HOUR, { leaseTtlMs: 600 * SECOND }).takes(MINUTES)).seconds).toBeLessThan(4);
  });

  it("is over also for a process that asks again and again, and never waits", async () => {
    await holder.store.acquire({ session: SESSION });
    dies();
    const waiter = rig.process(-HOUR);
    for (let asked = 0; asked < 6; asked++) {
      await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject(held);
      await rig.time.advance(10 * SECOND);
    }
    await waiter.store.acquire({ session: SESSION });
  });

  it("is over also when it never came to be stored, and not before its time", async () => {
    holder.loseLeasePuts();
    const taking = holder.store.acquire({ session: SESSION });
    // The first renewal is not waited for any longer.
    await rig.time.advance(6 * SECOND);
    await taking;
    expect(await rig.leaseKeys()).toEqual([]);
    dies();
    const waiter = rig.process(HOUR);
    await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject(held);
    expect((await waiter.takes(MINUTES)).seconds).toBeGreaterThanOrEqual(59);
  });

  it("is not waited for when its process has ended for certain", async () => {
    await holder.store.acquire({ session: SESSION });
    dies();
    rig.gone.add(1);
    expect((await rig.process(-HOUR).takes(0)).seconds).toBe(0);
    expect((await rig.leaseKeys()).length).toBe(1);
  });
});

describe("a process that is not told to wait", () => {
  /** A process without a lease that does one thing. */
  async function deletes(by: RigProcess): Promise<number> {
    const began = rig.time.now;
    let end: number | undefined;
    const deleting = by.store.delete({ session: SESSION }).finally(() => {
      end = rig.time.now;
    });
    deleting.catch(() => {});
    while (end === undefined) await rig.time.advance(SECOND);
    await deleting;
    return (end - began) / SECOND;
  }

  beforeEach(async () => {
    const lease = await holder.store.acquire({ session: SESSION });
    await holder.store.saveProfile({ session: SESSION, lease, capture: captureOf(profileFiles("one")) });
  });

  it("gets the session of a dead host nevertheless, once its lease has ended, by a call without a lease too", async () => {
    dies();
    await rig.time.advance(50 * SECOND);
    await expect(deletes(rig.process())).rejects.toMatchObject(held);
    await rig.time.advance(11 * SECOND);
    const seconds = await deletes(rig.process());
    expect(seconds).toBeGreaterThanOrEqual(30);
    expect(seconds).toBeLessThanOrEqual(31);
    expect(await rig.process().store.sessionExists({ session: SESSION })).toBe(false);
  });

  it("gets it also when its requests take their time", async () => {
    dies();
    await rig.time.advance(61 * SECOND);
    const slow = rig.process();
    slow.requests.intercept = async (_call, _key, go) => {
      await slow.clock.sleep(SECOND);
      return go();
    };
    expect((await slow.takes(0)).seconds).toBeLessThanOrEqual(40);
  });

  it("is refused at once when it would have to watch for more than five minutes", async () => {
    const long = rig.process(0, { leaseTtlMs: 660 * SECOND });
    rig.gone.add(1);
    await long.store.acquire({ session: SESSION });
    long.clock.isPaused = true;
    await rig.time.advance(661 * SECOND);
    const began = rig.time.now;
    await expect(rig.process().takes(0)).rejects.toMatchObject(held);
    expect(rig.time.now - began).toBeLessThan(SECOND);
  });

  it("gets it also when it waits for less than half of a long lease", async () => {
    const long = rig.process(0, { leaseTtlMs: 300 * SECOND });
    rig.gone.add(1);
    await long.store.acquire({ session: SESSION });
    long.clock.isPaused = true;
    await rig.time.advance(301 * SECOND);
    const { seconds } = await rig.process().takes(120 * SECOND);
    expect(seconds).toBeGreaterThanOrEqual(150);
    expect(seconds).toBeLessThanOrEqual(152);
  });

  it("is kept out by a holder that is alive, at its next renewal at the latest, where its wall clock is ahead", async () => {
    const ahead = rig.process(HOUR);
    const began = rig.time.now;
    await expect(deletes(ahead)).rejects.toMatchObject(held);
    expect(rig.time.now - began).toBeLessThanOrEqual(24 * SECOND);
  });
});

describe("a lease that cannot be read", () => {
  it("is waited for until it was unchanged for its time", async () => {
    await holder.store.acquire({ session: SESSION });
    dies();
    for (const key of await rig.leaseKeys()) await rig.backend.put(key, Buffer.from("torn"));
    const waiter = rig.process(HOUR);
    expect((await waiter.takes(MINUTES)).seconds).toBeGreaterThanOrEqual(60);
  });
});

describe("LEASE_HELD", () => {
  it("names the holder, since when it has the session, and when its lease ends", async () => {
    await holder.store.acquire({ session: SESSION });
    await rig.time.advance(5 * SECOND);
    const error = await rig
      .process()
      .store.acquire({ session: SESSION })
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: "LEASE_HELD",
      message:
        "Could not take RemoteAuth-bot: web:1 has held it since 2026-11-28T10:00:00Z; its lease ends at 2026-11-28T10:01:00Z unless it is renewed.",
      hint: expect.stringMatching(/^Stop web:1: .* `breakLease`\.$/),
      owner: "web:1",
      expiresAt: new Date("2026-11-28T10:01:00.001Z"),
      retryable: false,
    });
  });

  it("never names an end that the waiting process knows to be too early, whatever its wall clock", async () => {
    await holder.store.acquire({ session: SESSION });
    const ahead = rig.process(HOUR);
    const error = await ahead.takes(0).catch((cause: unknown) => cause);
    // It has looked until the holder was seen to be alive, 20 s later.
    expect(error).toMatchObject({ expiresAt: expect.any(Date) });
    const { expiresAt } = error as { expiresAt: Date };
    expect(expiresAt.getTime()).toBeGreaterThanOrEqual(Date.parse("2026-11-28T11:00:50Z"));
  });
});
