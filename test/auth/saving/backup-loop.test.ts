import { describe, expect, it, vi } from "vitest";
import { startBackupLoop } from "../../../lib/auth/saving/backup-loop.ts";
import type { SaveReport } from "../../../lib/store.ts";

interface Rig {
  intervalMs?: number;
  limitMs?: number;
  save?: (signal: AbortSignal) => Promise<void>;
  /** Replaces the first saves, each of which tells whether the storage was ready. */
  saveWhenReady?: (signal: AbortSignal) => Promise<boolean>;
}

const report = {} as SaveReport;

/** A clock that moves only when the loop waits; the storage is ready after 5 s. */
function rig({ intervalMs = 60_000, limitMs = 400_000, ...options }: Rig = {}) {
  const log: { at: number; what: string }[] = [];
  let now = 0;
  let running = 0;
  const noted = async (): Promise<void> => {
    running += 1;
    expect(running).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    log.push({ at: now, what: "save" });
    running -= 1;
  };
  const save = options.save ?? noted;
  const whenReady = async (signal: AbortSignal): Promise<boolean> => {
    if (now < 5_000) return false;
    await save(signal);
    return true;
  };
  const { saveWhenReady = whenReady } = options;
  const stop = startBackupLoop({
    intervalMs,
    saver: {
      nextWhenReady: async (signal) => ((await saveWhenReady(signal)) ? report : undefined),
      next: async (signal) => {
        await save(signal);
        return report;
      },
    },
    onError: (error) => log.push({ at: now, what: (error as Error).message }),
    wait: async (ms, signal) => {
      if (now + ms > limitMs) await new Promise((_, reject) => signal.addEventListener("abort", reject));
      signal.throwIfAborted();
      now += ms;
    },
  });
  return { stop, log, now: () => now };
}

async function turns(count = 200): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe("startBackupLoop", () => {
  it("saves when the storage is ready, at 60 s, within an interval, then at the interval with a jitter of a tenth", async () => {
    const { stop, log } = rig({ intervalMs: 100_000, limitMs: 600_000 });
    await turns();
    await stop();
    const times = log.map(({ at }) => at);
    expect(times.slice(0, 2)).toEqual([5_000, 60_000]);
    expect(times[2]).toBeGreaterThanOrEqual(70_000);
    expect(times[2]).toBeLessThanOrEqual(170_000);
    expect(times.length).toBeGreaterThanOrEqual(6);
    for (const [index, at] of times.slice(3).entries()) {
      const since = at - (times[index + 2] ?? 0);
      expect(since).toBeGreaterThanOrEqual(90_000);
      expect(since).toBeLessThanOrEqual(110_000);
    }
  });

  it("spreads a hundred sessions that start together over the interval, from the third save on", async () => {
    // Numbers from 0 to 1 that look random, always the same ones.
    let seed = 1;
    const random = vi.spyOn(Math, "random").mockImplementation(() => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    });
    const sessions = Array.from({ length: 100 }, () => rig({ intervalMs: 600_000, limitMs: 6_000_000 }));
    await turns();
    await Promise.all(sessions.map(({ stop }) => stop()));
    random.mockRestore();
    const times = sessions.flatMap(({ log }) => log.slice(2).map(({ at }) => at));
    for (let from = 600_000; from < 5_400_000; from += 60_000) {
      const inMinute = times.filter((at) => at >= from && at < from + 60_000).length;
      expect(inMinute, `saves from ${from / 60_000} min on`).toBeGreaterThan(0);
      expect(inMinute, `saves from ${from / 60_000} min on`).toBeLessThan(25);
    }
  });

  it("makes the first save after half a minute when the storage is never ready", async () => {
    const { stop, log } = rig({ saveWhenReady: async () => false, limitMs: 45_000 });
    await turns();
    await stop();
    expect(log).toEqual([{ at: 30_000, what: "save" }]);
  });

  it("reports a failure, waits longer each time, and continues", async () => {
    let attempts = 0;
    const { stop, log, now } = rig({
      intervalMs: 300_000,
      save: async () => {
        attempts += 1;
        if (attempts <= 3) throw new Error(`down ${attempts}`);
        log.push({ at: now(), what: "save" });
      },
      limitMs: 120_000,
    });
    await turns();
    await stop();
    expect(log).toEqual([
      { at: 5_000, what: "down 1" },
      { at: 20_000, what: "down 2" },
      { at: 50_000, what: "down 3" },
      { at: 110_000, what: "save" },
    ]);
  });

  it("aborts a save under way when it is stopped, and reports no error", async () => {
    let saving = false;
    const { stop, log } = rig({
      save: (signal) => {
        saving = true;
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    await turns(40);
    expect(saving).toBe(true);
    await stop();
    await stop();
    expect(log).toEqual([]);
  });

  it("tries again after a first save that fails before the storage is ready", async () => {
    const { stop, log } = rig({
      saveWhenReady: async () => {
        throw new Error("unreadable");
      },
      limitMs: 70_000,
    });
    await turns();
    await stop();
    expect(log.slice(0, 2)).toEqual([
      { at: 1_000, what: "unreadable" },
      { at: 16_000, what: "save" },
    ]);
  });
});
