import { describe, expect, it } from "vitest";
import { withPatience } from "../../../lib/vault/lease/patience.ts";
import { FakeTime } from "../support/fake-time.ts";

/** Runs `work` with patience, and lets no time pass. */
function run(work: (signal: AbortSignal) => Promise<unknown>): { time: FakeTime; isOver: () => boolean } {
  const time = new FakeTime();
  let isOver = false;
  void withPatience(time.clock(), work).then(() => {
    isOver = true;
  });
  return { time, isOver: () => isOver };
}

describe("patience", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["is done", async () => "done"],
    ["fails", async () => Promise.reject(new Error("no"))],
  ])("ends with work that %s, and leaves no timer", async (_, work) => {
    let given: AbortSignal | undefined;
    const { time, isOver } = run((signal) => {
      given = signal;
      return work();
    });
    await time.advance(0);
    expect(isOver()).toBe(true);
    expect(time.timers()).toBe(0);
    expect(given?.aborted).toBe(false);
  });

  it("ends after five seconds: the work is told by its signal", async () => {
    const { time, isOver } = run(
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    await time.advance(4_999);
    expect(isOver()).toBe(false);
    await time.advance(1);
    expect(isOver()).toBe(true);
    expect(time.timers()).toBe(0);
  });

  it("waits for work that its signal does not end", async () => {
    let end = (): void => {};
    const { time, isOver } = run(
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    );
    await time.advance(60_000);
    expect(isOver()).toBe(false);
    end();
    await time.advance(0);
    expect(isOver()).toBe(true);
  });
});
