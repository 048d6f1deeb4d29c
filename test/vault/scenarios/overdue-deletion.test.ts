import { beforeEach, describe, expect, it } from "vitest";
import type { Lease, SaveReport } from "../../../lib/store.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { LeaseRig, type RigProcess, SESSION } from "../support/lease-rig.ts";

const session = SESSION;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Longer than a lease: few renewals, so that days pass quickly. */
const slow = { leaseTtlMs: DAY };

const folder = useFolder();
let rig: LeaseRig;
let bot: RigProcess;
let lease: Lease;
/** The generation that was proven before the deletion. */
let old: number;
beforeEach(async () => {
  rig = new LeaseRig();
  bot = rig.process(0, slow);
  lease = await bot.store.acquire({ session });
  old = (await save("old")).generation;
  await bot.store.mark({ session, lease, generation: old, as: "proven" });
});

function save(content: string, wid = "1@c.us", more: Files = {}): Promise<SaveReport> {
  return bot.store.saveProfile({ session, lease, wid, capture: captureOf(profileFiles(content, more)) });
}

/** Another process takes the session from the bot, which has ended. @param skewMs how far its wall clock is ahead */
async function handOver(skewMs = 0): Promise<void> {
  await lease.release();
  bot.clock.isPaused = true;
  bot = rig.process(skewMs, slow);
  lease = await bot.store.acquire({ session });
}

async function kept(): Promise<number[]> {
  return ((await bot.store.state({ session }))?.generations ?? []).map(({ generation }) => generation);
}

/** Bytes of the chunks, by key. */
async function chunks(): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { key, size } of rig.backend.list(`${session}/chunks/`)) found.set(key, size);
  return found;
}

describe("a process whose wall clock is a month ahead", () => {
  it("removes nothing of a session that was deleted a moment ago", async () => {
    await bot.store.delete({ session, lease });
    await handOver(30 * DAY);
    await bot.store.prune({ session, lease });
    await bot.store.prune({ session, lease });
    // It may be that nobody had the session for a month: nothing is said.
    expect(bot.warnings).toEqual([]);
    await handOver();
    await bot.store.undelete({ session, lease });
    const into = folder();
    expect(await bot.store.restoreProfile({ session, into })).toMatchObject({ generation: old });
    assertSameFiles(await filesIn(into), profileFiles("old"));
  });

  it("can take the deletion back itself, until the session was held for as long as that takes", async () => {
    await bot.store.delete({ session, lease });
    await handOver(30 * DAY);
    await bot.store.undelete({ session, lease });
    expect(await bot.store.sessionExists({ session })).toBe(true);
    await handOver();
    await bot.store.delete({ session, lease });
    await handOver(60 * DAY);
    await rig.time.advance(6 * DAY);
    await bot.store.undelete({ session, lease });
    await bot.store.delete({ session, lease });
    await rig.time.advance(8 * DAY);
    await expect(bot.store.undelete({ session, lease })).rejects.toMatchObject({ code: "ABSENT" });
  });

  it("can take a deletion back that another process has made before its clock was set back", async () => {
    await handOver(60 * DAY);
    await rig.time.advance(2 * HOUR);
    await save("ahead");
    await handOver();
    await bot.store.delete({ session, lease });
    await handOver(60 * DAY);
    await bot.store.undelete({ session, lease });
    expect(await bot.store.sessionExists({ session })).toBe(true);
  });

  it.each(["1@c.us", "2@c.us"])("removes nothing by the first save of a new link, of phone %s", async (wid) => {
    await bot.store.delete({ session, lease });
    await handOver(30 * DAY);
    const { generation } = await save("new", wid);
    await bot.store.prune({ session, lease });
    await handOver();
    await save("newer", wid);
    expect(await kept()).toEqual(expect.arrayContaining([old, generation]));
  });
});

describe("a process whose wall clock is behind", () => {
  const clocks: [string, number][] = [
    ["40 days", -40 * DAY],
    ["6 days", -6 * DAY],
    ["half a century", -20_000 * DAY],
  ];

  it.each(clocks)("by %s deletes a session that any host can bring back for a week", async (_, skewMs) => {
    const deletedAt = bot.clock.wallMs();
    await handOver(skewMs);
    await bot.store.delete({ session, lease });
    const { deleted } = (await bot.store.state({ session })) ?? {};
    expect(Number(deleted?.at) - deletedAt).toBeLessThan(HOUR);
    expect(Number(deleted?.at)).toBeGreaterThanOrEqual(deletedAt);
    expect(Number(deleted?.until) - Number(deleted?.at)).toBe(7 * DAY);
    await handOver();
    await rig.time.advance(2 * HOUR);
    await bot.store.undelete({ session, lease });
    expect(await bot.store.sessionExists({ session })).toBe(true);
  });

  it.each(clocks)("by %s for hours does so, too", async (_, skewMs) => {
    await handOver(skewMs);
    await rig.time.advance(2 * HOUR);
    await save("behind");
    await bot.store.delete({ session, lease });
    await handOver();
    await rig.time.advance(2 * HOUR);
    await bot.store.prune({ session, lease });
    await bot.store.undelete({ session, lease });
    expect(await kept()).toContain(old);
  });

  it("does not keep the data of the deleted link for all the time that it is behind", async () => {
    await handOver(-20_000 * DAY);
    await bot.store.delete({ session, lease });
    await handOver();
    await save("new");
    await rig.time.advance(8 * DAY);
    await save("newer");
    expect(await kept()).not.toContain(old);
  });
});

describe("generations, when a process whose wall clock is a month ahead takes the session", () => {
  const options = { ...slow, keep: 1, keepForMs: 7 * DAY, maxAgeMs: 7 * DAY };

  /** One a day for a week, and the numbers that are kept of them. */
  async function week(): Promise<number[]> {
    bot = rig.process(0, options);
    await lease.release();
    lease = await bot.store.acquire({ session });
    for (let day = 0; day < 6; day++) {
      await save(`day ${day}`);
      await rig.time.advance(DAY);
    }
    await save("today");
    const now = await kept();
    expect(now.length).toBeGreaterThanOrEqual(7);
    return now;
  }

  async function takes(skewMs: number): Promise<void> {
    await lease.release();
    bot.clock.isPaused = true;
    bot = rig.process(skewMs, options);
    lease = await bot.store.acquire({ session });
  }

  it("all stay", async () => {
    const before = await week();
    await takes(30 * DAY);
    await bot.store.prune({ session, lease });
    await save("ahead");
    await takes(0);
    await save("tomorrow");
    expect(await kept()).toEqual(expect.arrayContaining(before));
    expect(bot.warnings).toEqual([]);
  });

  it("all stay however many such processes come one after the other", async () => {
    const before = await week();
    for (let n = 0; n < 5; n++) {
      await takes(30 * DAY);
      await bot.store.prune({ session, lease });
      await rig.time.advance(10 * MINUTE);
      await bot.store.prune({ session, lease });
      await save(`ahead ${n}`);
    }
    expect(await kept()).toEqual(expect.arrayContaining(before));
  });

  it("go by that clock once it has said so for an hour", async () => {
    const before = await week();
    await takes(30 * DAY);
    await save("ahead");
    await rig.time.advance(59 * MINUTE);
    await save("ahead for an hour");
    expect(await kept()).toEqual(expect.arrayContaining(before));
    await rig.time.advance(2 * MINUTE);
    await save("ahead for longer");
    expect((await kept()).length).toBeLessThan(before.length);
  });

  it("all stay when that clock is set right within the hour", async () => {
    const before = await week();
    await takes(30 * DAY);
    await save("ahead");
    await rig.time.advance(30 * MINUTE);
    bot.clock.skewMs = 0;
    await save("right");
    await rig.time.advance(2 * HOUR);
    await save("later");
    expect(await kept()).toEqual(expect.arrayContaining(before.slice(1)));
    // Jumps again: that is one more hour.
    bot.clock.skewMs = 365 * DAY;
    await save("ahead");
    expect(await kept()).toEqual(expect.arrayContaining(before.slice(1)));
  });

  it("all stay when a host begins in 1970, and its clock is set while it has the session", async () => {
    const before = await week();
    await takes(-bot.clock.wallMs());
    await save("in 1970");
    await rig.time.advance(30 * MINUTE);
    await save("still in 1970");
    bot.clock.skewMs = 0;
    await save("right");
    expect(await kept()).toEqual(expect.arrayContaining(before));
  });

  it("leave one that is a day old, whatever is saved in 1970, or by a clock that was set back from the future", async () => {
    for (const skewMs of [-bot.clock.wallMs(), 30 * DAY, -40 * DAY]) {
      await week();
      const { current } = (await bot.store.state({ session })) ?? {};
      const last = (current?.generation ?? 0) - 1;
      await rig.time.advance(2 * HOUR);
      const before = await kept();
      await takes(skewMs);
      for (let n = 0; n < 130; n++) {
        await save(`wrong ${n}`);
        await rig.time.advance(MINUTE);
      }
      await takes(0);
      for (let n = 0; n < 80; n++) {
        await save(`right ${n}`);
        await rig.time.advance(MINUTE);
      }
      const left = (await kept()).filter((n) => before.includes(n) && n <= last);
      expect(left.length).toBeGreaterThan(0);
    }
  });

  it("go at once where the session was held all the time", async () => {
    const before = await week();
    await rig.time.advance(30 * DAY);
    await save("a month later");
    expect((await kept()).length).toBeLessThan(before.length);
  });
});

describe("data of a deleted session whose time is over", () => {
  it("go with the first save of a new link, and its batches", async () => {
    await save("old", "1@c.us", { "Default/IndexedDB/000005.ldb": noise(1024 * 1024, 1) });
    expect(Math.max(...(await chunks()).values())).toBeGreaterThan(512 * 1024);
    await bot.store.delete({ session, lease });
    // The page shows its QR for so long.
    await rig.time.advance(8 * DAY);
    const { generation } = await save("new");
    expect(await kept()).toEqual([generation]);
    for (let n = 0; n < 16; n++) await save(`new ${n}`);
    expect(Math.max(...(await chunks()).values())).toBeLessThan(512 * 1024);
  });

  it("go with a later save of a new link that came in time", async () => {
    await bot.store.delete({ session, lease });
    await rig.time.advance(HOUR);
    const { generation } = await save("new");
    await rig.time.advance(6 * DAY);
    await save("newer");
    expect(await kept()).toContain(old);
    await rig.time.advance(2 * DAY);
    await save("newest");
    expect(await kept()).not.toContain(old);
    expect(await kept()).toContain(generation);
  });

  it("stay for the longest of the times of several deletions", async () => {
    await bot.store.delete({ session, lease });
    await rig.time.advance(HOUR);
    const { generation } = await save("new");
    await bot.store.delete({ session, lease, retainMs: HOUR });
    await rig.time.advance(2 * HOUR);
    await bot.store.prune({ session, lease });
    await save("newer");
    await rig.time.advance(2 * HOUR);
    await save("newest");
    expect(await kept()).toEqual(expect.arrayContaining([old, generation]));
    await rig.time.advance(8 * DAY);
    await save("last");
    expect(await kept()).not.toEqual(expect.arrayContaining([old]));
    expect(await kept()).not.toEqual(expect.arrayContaining([generation]));
  });

  it("stay until the session was held for so long since the deletion", async () => {
    await bot.store.delete({ session, lease });
    await handOver();
    rig.time.skip(30 * DAY);
    await handOver();
    await bot.store.prune({ session, lease });
    expect((await chunks()).size).toBeGreaterThan(0);
    await rig.time.advance(8 * DAY);
    await bot.store.prune({ session, lease });
    expect((await chunks()).size).toBe(0);
  });
});

describe("a deletion that was taken back", () => {
  it("removes nothing by `undelete`, however late it is", async () => {
    await bot.store.delete({ session, lease });
    await rig.time.advance(6 * DAY);
    await bot.store.undelete({ session, lease });
    await rig.time.advance(30 * DAY);
    await save("later");
    await bot.store.prune({ session, lease });
    expect(await kept()).toContain(old);
  });

  it("removes nothing by a rollback to a generation from before it", async () => {
    await bot.store.delete({ session, lease });
    await save("new");
    await bot.store.rollback({ session, lease, generation: old });
    await rig.time.advance(30 * DAY);
    await save("later");
    await bot.store.prune({ session, lease });
    expect(await kept()).toContain(old);
  });
});
