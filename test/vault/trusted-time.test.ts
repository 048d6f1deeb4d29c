import { describe, expect, it } from "vitest";
import { entryAfter, entryFacts } from "../../lib/vault/entry-draft.ts";
import { agreedTime, type LogTime, trustedTime } from "../../lib/vault/trusted-time.ts";
import { stateOf } from "./support/entries.ts";

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);
const state = stateOf({ at: START, uptimeMs: 1_000 });
const later = (ms: number, heldMs: number): LogTime => ({ at: START + ms, uptimeMs: 1_000 + heldMs });

describe("a wall clock", () => {
  it.each<[string, LogTime]>([
    ["goes as the log's own", later(30 * DAY, 30 * DAY)],
    ["is ahead by no more than five days", later(5 * DAY, 0)],
    ["is behind by no more than five days", later(-5 * DAY, 0)],
    ["was read when nobody had held the session for a day", later(30 * DAY, 29 * DAY)],
  ])("is trusted when it %s", (_, time) => {
    expect(agreedTime(state, time)).toBeUndefined();
    expect(trustedTime(state, time)).toBe(time);
  });

  it.each([30 * DAY, -30 * DAY, 5 * DAY + 5_001, -START])(
    "is doubted when it is off by days (%i ms): the time is that of the newest entry, and of the log's own clock since",
    (ms) => {
      expect(agreedTime(state, later(ms, 5_000))).toEqual({ at: START + 5_000, uptimeMs: 6_000 });
      expect(trustedTime(state, later(ms, 5_000))).toEqual(later(5_000, 5_000));
      // A hold has no time of its own by the log's clock.
      expect(agreedTime(state, { at: START + ms })).toEqual({ at: START, uptimeMs: 1_000 });
    },
  );

  it("is trusted by the first entry of a log", () => {
    expect(agreedTime({ n: 0, at: 0 }, later(0, 0))).toBeUndefined();
  });

  it.each([30 * DAY, -30 * DAY])(
    "is trusted again once the session was held for an hour since, or it is right: %i",
    (ms) => {
      const agreed = { at: START, uptimeMs: 1_000 };
      const off = stateOf({ at: START + ms, uptimeMs: 1_000, agreed });
      expect(agreedTime(off, later(ms + HOUR - 1, HOUR - 1))).toEqual(agreed);
      expect(trustedTime(off, later(ms + HOUR - 1, HOUR - 1))).toEqual(later(HOUR - 1, HOUR - 1));
      expect(agreedTime(off, later(ms + HOUR, HOUR))).toBeUndefined();
      expect(agreedTime(off, later(5_000, 5_000))).toBeUndefined();
      expect(agreedTime(off, later(400 * DAY, 5_000))).toEqual(agreed);
    },
  );

  it("is noted in entries of every kind", () => {
    const facts = { ...entryFacts(10, 3, "b:1", START + 30 * DAY) };
    const hold = entryAfter(state, { kind: "hold" }, facts);
    expect(hold.agreed).toEqual({ at: START, uptimeMs: 1_000 });
    const next = { ...entryFacts(11, 3, "b:1", START + 30 * DAY + 10), uptimeMs: 1_010 };
    expect(entryAfter(hold, { kind: "retained" }, next).agreed).toEqual(hold.agreed);
    expect(entryAfter(hold, { kind: "retained" }, { ...next, at: START }).agreed).toBeUndefined();
  });
});
