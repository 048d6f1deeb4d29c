import { describe, expect, it } from "vitest";
import { forEachConcurrent, Semaphore } from "../../lib/async/semaphore.ts";
import { type Gate, gate } from "../support/gate.ts";

const reason = new Error("stopped");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a semaphore", () => {
  it("has as many permits as it was made with, and serves waiters in order", async () => {
    const semaphore = new Semaphore(2);
    const gates = [gate(), gate(), gate(), gate()];
    const begun: number[] = [];
    const runs = gates.map(({ opened }, index) =>
      semaphore.run(async () => {
        begun.push(index);
        await opened;
      }),
    );
    await turn();
    expect(begun).toEqual([0, 1]);
    gates[1]?.open();
    await turn();
    expect(begun).toEqual([0, 1, 2]);
    for (const { open } of gates) open();
    await Promise.all(runs);
    expect(begun).toEqual([0, 1, 2, 3]);
    expect(semaphore.held).toBe(0);
  });

  it("gives a permit back when the work fails", async () => {
    const semaphore = new Semaphore(1);
    await expect(semaphore.run(() => Promise.reject(reason))).rejects.toBe(reason);
    expect(await semaphore.run(async () => "free")).toBe("free");
  });
});

describe("forEachConcurrent", () => {
  it("does the work with every item, never more at once than the limit", async () => {
    let [underWay, most] = [0, 0];
    const done: number[] = [];
    await forEachConcurrent([1, 2, 3, 4, 5], 2, async (item) => {
      most = Math.max(most, ++underWay);
      await turn();
      underWay--;
      done.push(item);
    });
    expect(done).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it("throws the first failure, aborts the others with it, begins no more, and waits for those under way", async () => {
    const begun: string[] = [];
    const ended: string[] = [];
    const held = gate();
    const all = forEachConcurrent(["slow", "fails", "never begun"], 2, async (item, signal) => {
      begun.push(item);
      if (item === "fails") throw reason;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      expect(signal.reason).toBe(reason);
      await held.opened;
      ended.push(item);
      throw new Error("a later failure");
    });
    const failed = expect(all).rejects.toBe(reason);
    await turn();
    expect(ended).toEqual([]);
    held.open();
    await failed;
    expect({ begun, ended }).toEqual({ begun: ["slow", "fails"], ended: ["slow"] });
  });

  it("throws the signal's reason when that aborts, after the work that is under way", async () => {
    const controller = new AbortController();
    const gates = new Map<number, Gate>();
    const all = forEachConcurrent(
      [1, 2, 3],
      1,
      async (item) => {
        const held = gate();
        gates.set(item, held);
        await held.opened;
      },
      controller.signal,
    );
    const failed = expect(all).rejects.toBe(reason);
    await turn();
    controller.abort(reason);
    await turn();
    gates.get(1)?.open();
    await failed;
    expect([...gates.keys()]).toEqual([1]);
  });

  it("begins nothing when the signal has aborted before", async () => {
    let begun = 0;
    const work = async (): Promise<void> => void begun++;
    await expect(forEachConcurrent([1, 2], 2, work, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(begun).toBe(0);
  });

  it("shares the permits it was given with others", async () => {
    const permits = new Semaphore(1);
    await permits.acquire();
    let done = 0;
    const all = forEachConcurrent([1, 2], permits, async () => void done++);
    await turn();
    expect(done).toBe(0);
    permits.release();
    await all;
    expect(done).toBe(2);
    expect(permits.held).toBe(0);
  });
});
