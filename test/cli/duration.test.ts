import { describe, expect, it } from "vitest";
import { LONGEST_TIMER_MS, parseDuration } from "../../cli/duration.ts";

describe("durations", () => {
  it.each([
    ["90s", 90_000],
    ["5min", 300_000],
    ["5m", 300_000],
    ["2 h", 7_200_000],
    ["7d", 604_800_000],
    ["1w", 604_800_000],
    ["1h30min", 5_400_000],
    ["0.5h", 1_800_000],
    ["250ms", 250],
    [" 10S ", 10_000],
    ["0", 0],
    ["0s", 0],
  ])("%s is read", (text, ms) => {
    expect(parseDuration("--wait", text)).toBe(ms);
  });

  it.each([
    "",
    "5",
    "s",
    "5 parsecs",
    "-5s",
    "5s later",
    "1e3s",
    "NaN",
    "Infinity",
    "5min,",
    "9999999d",
    "∞",
    "30min1h",
    "1h2h",
  ])("%s is INVALID, with examples", (text) => {
    expect(() => parseDuration("--wait", text)).toThrow(
      expect.objectContaining({
        code: "INVALID",
        message: expect.stringContaining("`--wait`"),
        hint: expect.stringContaining("`90s`"),
      }),
    );
  });

  it("keeps to the limits of an option", () => {
    expect(parseDuration("--every", "1s", { least: 1_000 })).toBe(1_000);
    expect(() => parseDuration("--every", "999ms", { least: 1_000 })).toThrow(
      /`--every` to be .* of at least 1s, got `999ms`/,
    );
    expect(() => parseDuration("--timeout", "30d", { most: LONGEST_TIMER_MS })).toThrow(/of at most 24d, got `30d`/);
  });
});
