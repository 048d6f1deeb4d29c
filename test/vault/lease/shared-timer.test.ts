import { describe, expect, it } from "vitest";
import { SharedTimer } from "../../../lib/vault/lease/shared-timer.ts";
import { FakeTime } from "../support/fake-time.ts";
import { LeaseRig, SECOND } from "../support/lease-rig.ts";

describe("a shared timer", () => {
  it("runs each work once, at its time, with one timer for all", async () => {
    const time = new FakeTime();
    const timer = new SharedTimer(time.clock());
    const [one, two, three] = [{}, {}, {}];
    const ran: [string, number][] = [];
    const work = (name: string) => () => void ran.push([name, time.now]);
    timer.set(one, 30, work("one"));
    timer.set(two, 10, work("two"));
    timer.set(three, 20, work("three"));
    timer.set(one, 15, work("one, sooner"));
    expect(time.timers()).toBe(1);
    timer.clear(three);
    timer.clear({});
    await time.advance(100);
    expect(ran).toEqual([
      ["two", 10],
      ["one, sooner", 15],
    ]);
    expect(time.timers()).toBe(0);
    timer.set(one, 50, work("in the past"));
    await time.advance(0);
    expect(ran.at(-1)).toEqual(["in the past", 100]);
  });
});

describe("the leases of one process", () => {
  it("share one timer, whatever their number, sessions and stores", async () => {
    const rig = new LeaseRig();
    const bot = rig.process();
    const stores = [bot.store, bot.open({ leaseTtlMs: 7 * SECOND })];
    const leases = [];
    for (let n = 0; n < 30; n++) {
      const store = stores[n % 2];
      if (store) leases.push(await store.acquire({ session: `RemoteAuth-${n}` }));
      await rig.time.advance(100);
    }
    expect(rig.time.timers(bot.clock)).toBe(1);
    await rig.time.advance(60 * SECOND);
    expect(rig.time.timers(bot.clock)).toBe(1);
    await Promise.all(leases.map((lease) => lease.release()));
    expect(rig.time.timers(bot.clock)).toBe(0);
  });
});
