import { describe, expect, it } from "vitest";
import { endDate, endingEarlier, isOver, keptFor, laterOf, withoutOverdue } from "../../lib/vault/kept-until.ts";
import { generation, stateOf } from "./support/entries.ts";

const end = { until: 1_000, untilUptimeMs: 100 };
const before = { at: 5_000, uptimeMs: 99 };
const after = { at: 1_000, uptimeMs: 100 };

describe("the end of a time", () => {
  it("begins now, by both clocks", () => {
    expect(keptFor(7, { at: 1_000, uptimeMs: 100 })).toEqual({ until: 1_007, untilUptimeMs: 107 });
    expect(keptFor(7, { at: 1_000 })).toEqual({ until: 1_007, untilUptimeMs: 7 });
  });

  it("is a moment that an entry may name, for however long data are kept", () => {
    const end = keptFor(Number.MAX_SAFE_INTEGER, { at: Date.UTC(2026, 0), uptimeMs: 1 });
    expect(end).toEqual({ until: 8.64e15, untilUptimeMs: 8.64e15 });
    expect(isOver(end, { at: Date.UTC(9000, 0), uptimeMs: 1e15 })).toBe(false);
  });

  it("is shown as a time of four digits of a year", () => {
    expect(endDate({ until: 1_000 })).toEqual(new Date(1_000));
    for (const until of [8.64e15, 1e300]) expect(endDate({ until }).toISOString()).toBe("9999-12-31T23:59:59.999Z");
    expect(endDate({ until: -1e300 }).getTime()).toBe(-8.64e15);
  });

  it("is over once both clocks have passed it", () => {
    expect(isOver(end, after)).toBe(true);
    expect(isOver(end, before)).toBe(false);
    expect(isOver(end, { at: 999, uptimeMs: 5_000 })).toBe(false);
  });

  it("never comes when an earlier version has noted no time by the clock of the log", () => {
    expect(isOver({ until: 1_000 }, { at: 5_000, uptimeMs: 5_000 })).toBe(false);
    // The later of two such times, as it comes out of an entry.
    const later = JSON.parse(JSON.stringify(laterOf({ until: 1_000 }, end)));
    expect(isOver(later, { at: 5_000, uptimeMs: 5_000 })).toBe(false);
  });
});

describe("overdue generations", () => {
  const live = [generation(3), generation(5), generation(7), generation(9)];
  const left = (state: Parameters<typeof stateOf>[0], now = after): number[] =>
    withoutOverdue(stateOf({ live, ...state }), now).map(({ n }) => n);

  it("are all of a session that is deleted", () => {
    expect(left({ deleted: { at: 0, ...end } }, before)).toEqual([3, 5, 7, 9]);
    expect(left({ deleted: { at: 0, ...end } })).toEqual([]);
  });

  it("are those before the first of the present link", () => {
    expect(left({ since: 7, earlier: end }, before)).toEqual([3, 5, 7, 9]);
    expect(left({ since: 7, earlier: end })).toEqual([7, 9]);
  });

  it("are records that were replaced, each by its own time, but the newest until the clock of the log has passed it", () => {
    const records = { through: 9, lasting: [], tails: [] };
    const late = { until: 9_000, untilUptimeMs: 900 };
    const replaced = [1, 2, 3, 4, 5, 6, 7].map((n) => generation(n, n < 7 ? end : late));
    const state = { live: [generation(0), ...replaced, generation(9)], since: 9, earlier: late };
    expect(left({ ...state, records }, { at: 999, uptimeMs: 99 })).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 9]);
    expect(left({ ...state, records }, { at: 1_000, uptimeMs: 99 })).toEqual([0, 3, 4, 5, 6, 7, 9]);
    expect(left({ ...state, records }, after)).toEqual([0, 7, 9]);
    expect(left({ ...state, records, deleted: { at: 0, ...late } })).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 9]);
    // Of a profile, `retain` decides.
    expect(left(state)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 9]);
  });

  it("have an end of their own once another link has replaced them", () => {
    const state = stateOf({ since: 7, content: 9, earlier: end });
    const next = { until: 9_000, untilUptimeMs: 900 };
    expect(endingEarlier(generation(9), state, next)).toEqual(generation(9, next));
    expect(endingEarlier(generation(3), state, next)).toEqual(generation(3, end));
    const own = generation(3, { until: 1, untilUptimeMs: 1 });
    expect(endingEarlier(own, state, next)).toBe(own);
  });

  it("are none where no deletion was, and never the current one", () => {
    expect(left({})).toEqual([3, 5, 7, 9]);
    expect(left({ since: 7, earlier: end, content: 5 })).toEqual([5, 7, 9]);
  });
});
