import { describe, expect, it, vi } from "vitest";
import { holdTime, passTime, rightTime } from "./monotonic-clock.ts";

const DAY = 86_400_000;
let last = performance.now();

describe("the monotonic clock of tests", () => {
  it("goes on by itself, and can be put forward", () => {
    passTime(DAY);
    const now = performance.now();
    expect(now - last).toBeGreaterThanOrEqual(DAY);
    expect(rightTime()).toBeLessThan(performance.timeOrigin + now - DAY / 2);
    last = now;
  });

  it("can be held for a test", () => {
    holdTime();
    const held = performance.now();
    expect(held).toBeGreaterThanOrEqual(last);
    passTime(DAY);
    last = performance.now();
    expect(last).toBe(held + DAY);
  });

  it("never goes back, and is nobody else's to replace", () => {
    expect(performance.now()).toBeGreaterThanOrEqual(last);
    expect(() => passTime(-1)).toThrow(RangeError);
    expect(() => vi.spyOn(performance, "now")).toThrow();
  });
});
