import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Permits, SharedSemaphore } from "../../lib/async/shared-semaphore.ts";

/** Acquires a permit for each name; answers the names that have one, in order. */
async function takers(share: Permits, names: readonly string[], had: string[] = []): Promise<string[]> {
  for (const name of names) share.acquire().then(() => had.push(name), Object);
  await settled();
  return had;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("permits that several users share", () => {
  it("are one of each user's own and the shared ones", async () => {
    const semaphore = new SharedSemaphore(2);
    const [a, b] = [semaphore.permits(), semaphore.permits()];
    expect(await takers(a, ["a1", "a2", "a3", "a4"])).toEqual(["a1", "a2", "a3"]);
    expect(await takers(b, ["b1", "b2"])).toEqual(["b1"]);
    expect(semaphore.isBusy).toBe(true);
  });

  it("go to the waiter that came first, when they are released", async () => {
    const semaphore = new SharedSemaphore(1);
    const [a, b] = [semaphore.permits(), semaphore.permits()];
    const had = await takers(a, ["a1", "a2", "a3"]);
    await takers(b, ["b1", "b2"], had);
    expect(had).toEqual(["a1", "a2", "b1"]);
    a.release();
    await settled();
    b.release();
    await settled();
    expect(had).toEqual(["a1", "a2", "b1", "a3", "b2"]);
    expect(semaphore.isBusy).toBe(false);
  });

  it("leave every user its own, also when others never release theirs", async () => {
    const semaphore = new SharedSemaphore(3);
    const [hung, other] = [semaphore.permits(), semaphore.permits()];
    await takers(hung, ["1", "2", "3", "4", "5"]);
    const had: string[] = [];
    for (const name of ["first", "second", "third"]) {
      await other.acquire();
      had.push(name);
      other.release();
    }
    expect(had).toEqual(["first", "second", "third"]);
  });

  it("are no more for a user than its limit", async () => {
    const semaphore = new SharedSemaphore(10);
    const share = semaphore.permits(2);
    expect(await takers(share, ["1", "2", "3"])).toEqual(["1", "2"]);
    expect(await takers(semaphore.permits(), ["other"]), "nobody waits behind it").toEqual(["other"]);
  });

  it("can become more, never fewer", async () => {
    const semaphore = new SharedSemaphore(0);
    const share = semaphore.permits();
    const had = await takers(share, ["1", "2", "3", "4"]);
    semaphore.grow(2);
    semaphore.grow(1);
    await settled();
    expect(had).toEqual(["1", "2", "3"]);
  });

  it("are not waited for any longer when the signal aborts", async () => {
    const semaphore = new SharedSemaphore(0);
    const share = semaphore.permits();
    await share.acquire();
    const controller = new AbortController();
    const reason = new Error("enough");
    const gone = expect(share.acquire(controller.signal)).rejects.toBe(reason);
    const had = await takers(share, ["next"]);
    controller.abort(reason);
    await gone;
    await expect(share.acquire(controller.signal)).rejects.toBe(reason);
    share.release();
    await settled();
    expect(had).toEqual(["next"]);
    share.release();
    expect(share.held).toBe(0);
  });
});

describe("acquireWithin", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => void vi.useRealTimers());

  it("says whether a permit was free in time, and leaves no place in the line", async () => {
    const permits = new SharedSemaphore(0).permits();
    expect(await permits.acquireWithin(1_000)).toBe(true);
    const late = permits.acquireWithin(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await late).toBe(false);
    const next = permits.acquireWithin(1_000);
    permits.release();
    expect(await next).toBe(true);
    expect(permits.held).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects with the signal's reason", async () => {
    const permits = new SharedSemaphore(0).permits();
    await permits.acquire();
    const stop = new AbortController();
    const waiting = permits.acquireWithin(1_000, stop.signal);
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(permits.acquireWithin(1_000, stop.signal)).rejects.toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });
});
