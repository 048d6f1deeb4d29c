import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Line } from "../../lib/async/line.ts";
import { gate } from "../support/gate.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

const SLOW_MS = 1_000;
const WAIT_MS = 5_500;

interface Worker {
  readonly done: Promise<void>;
  readonly end: () => void;
}

/** Work in a line of two places that is done when a test says so; `had` names it when it begins. */
function lineOfTwo(): { had: string[]; worker: (name: string, signal?: AbortSignal) => Worker } {
  const line = new Line({ atOnce: 2, slowMs: SLOW_MS, waitMs: WAIT_MS });
  const had: string[] = [];
  const worker = (name: string, signal?: AbortSignal): Worker => {
    const { opened, open } = gate();
    const work = (): Promise<void> => {
      had.push(name);
      return opened;
    };
    return { done: line.run(work, signal), end: open };
  };
  return { had, worker };
}

it("lets as many work at once as it has places, and the others in order", async () => {
  const { had, worker } = lineOfTwo();
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => worker(name)) as [Worker, Worker, Worker, Worker];
  await vi.advanceTimersByTimeAsync(0);
  expect(had).toEqual(["a", "b"]);
  b.end();
  await b.done;
  await vi.advanceTimersByTimeAsync(0);
  expect(had).toEqual(["a", "b", "c"]);
  for (const { end } of [a, c, d]) end();
  await Promise.all([a.done, c.done, d.done]);
  expect(had).toEqual(["a", "b", "c", "d"]);
});

it("frees the place of work that fails", async () => {
  const line = new Line({ atOnce: 1, slowMs: SLOW_MS, waitMs: WAIT_MS });
  const failure = new Error("broken");
  await expect(line.run(() => Promise.reject(failure))).rejects.toBe(failure);
  await expect(line.run(async () => "next")).resolves.toBe("next");
});

it("does not count work that takes too long, and frees its place once", async () => {
  const { had, worker } = lineOfTwo();
  const hanging = [worker("a"), worker("b")];
  const [c, d, e] = ["c", "d", "e"].map((name) => worker(name)) as [Worker, Worker, Worker];
  await vi.advanceTimersByTimeAsync(SLOW_MS - 1);
  expect(had).toEqual(["a", "b"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(had).toEqual(["a", "b", "c", "d"]);
  for (const { end, done } of hanging) {
    end();
    await done;
  }
  await vi.advanceTimersByTimeAsync(0);
  expect(had, "they had given up their places before").toEqual(["a", "b", "c", "d"]);
  for (const { end } of [c, d, e]) end();
  await Promise.all([c.done, d.done, e.done]);
});

it("lets nobody wait for ever behind many that hang", async () => {
  const { had, worker } = lineOfTwo();
  for (let n = 0; n < 20; n++) void worker(`hangs ${n}`);
  const last = worker("last");
  await vi.advanceTimersByTimeAsync(WAIT_MS - 1);
  expect(had).toHaveLength(12);
  await vi.advanceTimersByTimeAsync(1);
  expect(had).toContain("last");
  last.end();
  await last.done;
});

it("is left when the signal aborts during the wait, and only then", async () => {
  const { had, worker } = lineOfTwo();
  const stop = new AbortController();
  const reason = new Error("enough");
  const [a, b] = [worker("a", stop.signal), worker("b")];
  const refused = expect(worker("c", stop.signal).done).rejects.toBe(reason);
  const d = worker("d");
  await vi.advanceTimersByTimeAsync(0);
  stop.abort(reason);
  await refused;
  await expect(worker("e", stop.signal).done).rejects.toBe(reason);
  expect(had).toEqual(["a", "b"]);
  for (const { end } of [a, b, d]) end();
  await Promise.all([a.done, b.done, d.done]);
  expect(had).toEqual(["a", "b", "d"]);
});
