import { describe, expect, it } from "vitest";
import { lockAll, Mutex, mutexesOf } from "../../lib/async/mutex.ts";
import { gate } from "../support/gate.ts";

const reason = new Error("stopped");
const { signal } = new AbortController();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a mutex", () => {
  it("runs work one after the other, in the order of the calls, also after a failure", async () => {
    const mutex = new Mutex();
    const held = gate();
    const ran: string[] = [];
    const first = mutex.run(async () => {
      ran.push("first begins");
      await held.opened;
      ran.push("first ends");
      throw reason;
    });
    const second = mutex.run(async () => ran.push("second"));
    const third = mutex.run(async () => ran.push("third"));
    await turn();
    expect(ran).toEqual(["first begins"]);
    held.open();
    await expect(first).rejects.toBe(reason);
    await Promise.all([second, third]);
    expect(ran).toEqual(["first begins", "first ends", "second", "third"]);
  });

  it("lets a waiter leave when its signal aborts, and serves those behind it in turn", async () => {
    const mutex = new Mutex();
    const controller = new AbortController();
    const release = await mutex.acquire();
    const leaving = mutex.acquire(controller.signal);
    const next = mutex.acquire();
    controller.abort(reason);
    await expect(leaving).rejects.toBe(reason);
    let served = false;
    void next.then(() => {
      served = true;
    });
    await turn();
    expect(served, "the first one still holds it").toBe(false);
    release();
    (await next)();
    await mutex.idle();
  });

  it("is not acquired with a signal that has aborted, and stays free", async () => {
    const mutex = new Mutex();
    await expect(mutex.acquire(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(await mutex.run(async () => "free")).toBe("free");
  });

  it("is released once, however often `release` is called", async () => {
    const mutex = new Mutex();
    const release = await mutex.acquire();
    release();
    release();
    const second = await mutex.acquire();
    let third = false;
    const waiting = mutex.run(async () => {
      third = true;
    });
    release();
    await turn();
    expect(third).toBe(false);
    second();
    await waiting;
  });

  it("does not interrupt work whose signal aborts after it has begun", async () => {
    const mutex = new Mutex();
    const controller = new AbortController();
    const work = mutex.run(async () => {
      controller.abort(reason);
      return "done";
    }, controller.signal);
    expect(await work).toBe("done");
  });

  it("is idle when everybody who had come has released it", async () => {
    const mutex = new Mutex();
    await mutex.idle();
    const release = await mutex.acquire();
    await expect(mutex.idle(AbortSignal.abort(reason))).rejects.toBe(reason);
    let idle = false;
    const waiting = mutex.idle().then(() => {
      idle = true;
    });
    await turn();
    expect(idle).toBe(false);
    release();
    await waiting;
  });
});

describe("lockAll", () => {
  it("acquires all of them, and releases all of them", async () => {
    const mutexes = [new Mutex(), new Mutex()];
    const release = await lockAll(mutexes, signal);
    let free = 0;
    const waiting = mutexes.map((mutex) => mutex.run(async () => free++));
    await turn();
    expect(free).toBe(0);
    release();
    await Promise.all(waiting);
    expect(free).toBe(2);
  });

  it("releases those it has when the signal aborts while it waits for another", async () => {
    const [first, second] = [new Mutex(), new Mutex()];
    const release = await second.acquire();
    const controller = new AbortController();
    const waiting = lockAll([first, second], controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(await first.run(async () => "free")).toBe("free");
    release();
    await second.idle();
  });
});

describe("mutexesOf", () => {
  it("answers the same mutex for the same path, in one order, each once", () => {
    const [a, b] = mutexesOf(["/mutex-test/a", "/mutex-test/b"]);
    expect(mutexesOf(["/mutex-test/b", "/mutex-test/a", "/mutex-test/b"])).toEqual([a, b]);
    expect(mutexesOf(["/mutex-test/b"])[0]).toBe(b);
    expect(a).not.toBe(b);
  });
});
