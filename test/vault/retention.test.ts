import { describe, expect, it } from "vitest";
import type { Generation } from "../../lib/vault/entry.ts";
import { type RetentionOptions, retain as retainAt } from "../../lib/vault/retention.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);

const generation = (n: number, at: number, more: Partial<Generation> = {}): Generation => ({
  n,
  id: `id ${n}`,
  at: START + at,
  bytes: 1,
  files: 1,
  ...more,
});
const options: RetentionOptions = {
  keep: 5,
  keepForMs: 0,
  maxAgeMs: Number.MAX_SAFE_INTEGER,
  retainDeletedMs: 7 * DAY,
};
const numbers = (generations: readonly Generation[]): number[] => generations.map(({ n }) => n);

/** What stays while both clocks are right. @param now milliseconds since 1970 */
const retain = (
  generations: readonly Generation[],
  content: number,
  how: RetentionOptions,
  now: number,
): Generation[] => retainAt(generations, content, how, { at: now, uptimeMs: now - START });

/** Saves every `every` ms for `until` ms. @returns the generations that are kept at the end */
function saveFor(
  until: number,
  every: number,
  mark: (n: number) => Partial<Generation> = () => ({}),
  how: RetentionOptions = options,
): Generation[] {
  let kept: Generation[] = [];
  for (let n = 1, at = 0; at <= until; n++, at += every) {
    kept = retain([...kept, generation(n, at, mark(n))], n, how, START + at);
  }
  return kept;
}

describe("retention", () => {
  it("keeps the newest five, and the current one wherever it is", () => {
    const all = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => generation(n, -10 * DAY + n));
    expect(numbers(retain(all, 8, options, START))).toEqual([4, 5, 6, 7, 8]);
    expect(numbers(retain(all, 2, options, START))).toEqual([2, 4, 5, 6, 7, 8]);
  });

  it("decides nothing with an infinite `keep`: those of another phone stay, without an end, unless theirs is over", () => {
    const how = { ...options, keep: Number.POSITIVE_INFINITY, maxAgeMs: DAY };
    const all = [
      ...[1, 2, 3].map((n) => generation(n, -100 * DAY, { pairing: "other" })),
      generation(4, -100 * DAY, { pairing: "third", until: START - 1, untilUptimeMs: 0 }),
      generation(5, -100 * DAY, { pairing: "fourth", until: START + DAY, untilUptimeMs: DAY }),
      ...[6, 7, 8].map((n) => generation(n, -50 * DAY, { pairing: "own", until: START - 1, untilUptimeMs: 0 })),
    ];
    const kept = retain(all, 8, how, START);
    expect(numbers(kept)).toEqual([1, 2, 3, 5, 6, 7, 8]);
    expect(kept.map(({ until }) => until).filter((until) => until !== undefined)).toEqual([START + DAY]);
    // A bot decides by its own options afterwards.
    const later = retain(kept, 8, { ...options, retainDeletedMs: 30 * DAY }, START);
    expect(later.find(({ n }) => n === 3)?.until).toBe(START + 30 * DAY);
  });

  it("keeps a thousand with an infinite `keep` where nobody decides, and among them all that always stay", () => {
    const how = { ...options, keep: Number.POSITIVE_INFINITY };
    const all = Array.from({ length: 1200 }, (_, n) =>
      generation(n + 1, (n - 1200) * HOUR, n === 3 ? { proven: true } : {}),
    );
    all[1] = generation(2, -1199 * HOUR, { pairing: "other" });
    all[0] = generation(1, -1200 * HOUR, { pairing: "own" });
    all.push(generation(1201, 0, { pairing: "own" }));
    const kept = retain(all, 1201, how, START);
    expect(kept).toHaveLength(1000);
    expect(numbers(kept).slice(0, 4)).toEqual([2, 4, 204, 205]);
    expect(kept[0]?.until).toBeUndefined();
    expect(retain(all.slice(-1000), 1201, how, START)).toHaveLength(1000);
  });

  it("always has one that is an hour old and one that is a day old, and not many in all", () => {
    for (const every of [MINUTE, 5 * MINUTE, 50 * MINUTE]) {
      const until = 3 * DAY;
      const kept = saveFor(until, every);
      const ages = kept.map(({ at }) => START + until - at);
      expect(ages.some((age) => age >= HOUR && age < 3 * HOUR + every)).toBe(true);
      expect(ages.some((age) => age >= DAY && age < 3 * DAY)).toBe(true);
      expect(kept.length).toBeLessThanOrEqual(9);
    }
  });

  it("keeps the newest proven one however long ago it was", () => {
    expect(numbers(saveFor(3 * DAY, 5 * MINUTE, (n) => (n === 2 || n === 3 ? { proven: true } : {})))).toContain(3);
  });

  it("lets nothing bad push out what is good", () => {
    const good = [1, 2, 3].map((n) => generation(n, n));
    const bad = [4, 5, 6, 7, 8, 9].map((n) => generation(n, n, { suspect: true }));
    expect(numbers(retain([...good, ...bad], 3, options, START + 10))).toEqual([1, 2, 3, 9]);
    const rejected = [4, 5, 6, 7, 8, 9].map((n) => generation(n, n, { rejected: true }));
    expect(numbers(retain([...good, ...rejected], 9, options, START + 10))).toEqual([1, 2, 3, 9]);
  });

  it("keeps the best of another phone for a while after a new one was linked", () => {
    const before = [1, 2, 3, 4].map((n) => generation(n, n, { pairing: "old", ...(n === 2 ? { proven: true } : {}) }));
    let kept = retain([...before, generation(5, HOUR, { pairing: "new" })], 5, options, START + HOUR);
    expect(numbers(kept)).toEqual([2, 5]);
    for (let n = 6; n < 30; n++) {
      kept = retain([...kept, generation(n, HOUR + n, { pairing: "new" })], n, options, START + HOUR + n);
    }
    expect(numbers(kept)).toContain(2);
    kept = retain([...kept, generation(30, 7 * DAY, { pairing: "new" })], 30, options, START + 7 * DAY);
    expect(numbers(kept)).toContain(2);
    kept = retain([...kept, generation(31, 8 * DAY, { pairing: "new" })], 31, options, START + 8 * DAY);
    expect(numbers(kept)).not.toContain(2);
  });

  it("keeps another phone's for as long by the clock of the log, whatever the wall clocks say", () => {
    const all = [generation(1, 0, { pairing: "old" }), generation(2, HOUR, { pairing: "new" })];
    const stays = (at: number, uptimeMs: number): boolean =>
      retainAt(linked, 2, options, { at: START + at, uptimeMs }).some(({ n }) => n === 1);
    const linked = retainAt(all, 2, options, { at: START + HOUR, uptimeMs: HOUR });
    expect(stays(30 * DAY, 2 * HOUR)).toBe(true);
    expect(stays(2 * HOUR, 8 * DAY)).toBe(true);
    expect(stays(8 * DAY, 8 * DAY)).toBe(false);
  });

  it("keeps the newest refused generation of another phone that has no good one", () => {
    const old = [1, 2, 3].map((n) => generation(n, n, { pairing: "old", ...(n === 3 ? { suspect: true } : {}) }));
    const refused = old.map((one) => ({ ...one, rejected: true }));
    const all = [...refused, generation(4, HOUR, { pairing: "new" })];
    expect(numbers(retain(all, 4, options, START + HOUR))).toContain(2);
    expect(numbers(retain([old[0] as Generation, ...all.slice(1)], 4, options, START + HOUR))).toContain(1);
    expect(numbers(retain(all, 4, options, START + 8 * DAY))).toContain(2);
    const later = retain(all, 4, options, START + HOUR);
    expect(numbers(retain(later, 4, options, START + 8 * DAY))).not.toContain(2);
  });

  it("treats another phone's generation as its own again after a rollback to it", () => {
    const kept = retain(
      [generation(1, 1, { pairing: "old", until: START + DAY }), generation(2, 2, { pairing: "new" })],
      1,
      options,
      START + 2 * DAY,
    );
    expect(kept[0]).toEqual(generation(1, 1, { pairing: "old" }));
  });

  it("does not take a phone that nobody named for another one", () => {
    // A zip of the shipped RemoteAuth says nothing of whose it is.
    const known = [1, 2, 3].map((n) => generation(n, n, { pairing: "own", ...(n === 1 ? { proven: true } : {}) }));
    let kept: readonly Generation[] = known;
    for (let n = 4; n < 40; n++) kept = retain([...kept, generation(n, n * DAY)], n, options, START + n * DAY);
    expect(numbers(kept)).toContain(1);
    expect(kept.every(({ until }) => until === undefined)).toBe(true);
    // And the other way round.
    const unknown = [1, 2, 3].map((n) => generation(n, n, n === 1 ? { proven: true } : {}));
    kept = unknown;
    for (let n = 4; n < 40; n++)
      kept = retain([...kept, generation(n, n * DAY, { pairing: "own" })], n, options, START + n * DAY);
    expect(numbers(kept)).toContain(1);
    expect(kept.length).toBeLessThanOrEqual(9);
  });
});

describe("retention with `keepForMs`", () => {
  const week = { ...options, keepForMs: 7 * DAY };
  /** The distinct periods since 1970 in which the generations were saved. */
  const periods = (generations: readonly Generation[], period: number): Set<number> =>
    new Set(generations.map(({ at }) => Math.floor(at / period)));

  it("keeps one of each hour of the last day and one of each day before it", () => {
    const until = 20 * DAY + 7 * HOUR + MINUTE;
    const kept = saveFor(until, 5 * MINUTE, undefined, week);
    const [now, lastDay] = [START + until, kept.filter(({ at }) => START + until - at < DAY)];
    for (let hour = 0; hour < 24; hour++) expect(periods(lastDay, HOUR)).toContain(Math.floor(now / HOUR) - hour);
    for (let day = 0; day < 7; day++) expect(periods(kept, DAY)).toContain(Math.floor(now / DAY) - day);
    expect(kept.every(({ at }) => now - at < 7 * DAY)).toBe(true);
    expect(kept.length).toBeLessThanOrEqual(5 + 24 + 7 + 2);
  });

  it("prefers the proven generation of a day", () => {
    const all = [generation(1, 0), generation(2, HOUR), generation(3, 2 * HOUR), generation(4, 4 * DAY)];
    const proven = all.map((one) => (one.n === 2 || one.n === 4 ? { ...one, proven: true } : one));
    expect(numbers(retain(proven, 4, { ...week, keep: 1 }, START + 4 * DAY))).toEqual([2, 3, 4]);
    expect(numbers(retain(all, 4, { ...week, keep: 1 }, START + 4 * DAY))).toEqual([1, 3, 4]);
  });

  it("keeps no bad generation as the one of its hour", () => {
    const all = [
      generation(1, 0, { rejected: true }),
      generation(2, HOUR, { suspect: true }),
      generation(3, 5 * HOUR, { rejected: true }),
      generation(4, 6 * HOUR, { suspect: true }),
      generation(5, 7 * HOUR),
    ];
    expect(numbers(retain(all, 5, week, START + 7 * HOUR))).toEqual([3, 4, 5]);
  });

  it("keeps no generations for it that were saved by a clock that is ahead", () => {
    // Ten days of saves a year ahead, then the clock is set right.
    let kept: Generation[] = [];
    for (let n = 1; n < 2880; n++) {
      const at = (n < 1440 ? 365 * DAY : 0) + n * 10 * MINUTE;
      kept = retain([...kept, generation(n, at)], n, week, START + at);
    }
    expect(kept.filter(({ at }) => at > START + 300 * DAY).length).toBeLessThanOrEqual(2);
  });
});

describe("retention with `maxAgeMs`", () => {
  const limited = { ...options, maxAgeMs: 2 * DAY };

  it("removes older generations that `keep` would keep, also suspect and rejected ones", () => {
    const all = [
      generation(1, 0, { suspect: true }),
      generation(2, 0, { rejected: true }),
      generation(3, 0),
      generation(4, DAY),
      generation(5, 3 * DAY),
    ];
    expect(numbers(retain(all, 5, options, START + 3 * DAY))).toEqual([1, 2, 3, 4, 5]);
    expect(numbers(retain(all, 5, limited, START + 3 * DAY))).toEqual([4, 5]);
  });

  it("never removes the current generation, the newest proven one, or the one that is a day old", () => {
    const all = [
      generation(1, 0),
      generation(2, HOUR, { proven: true }),
      generation(3, 2 * HOUR),
      generation(4, 3 * HOUR),
    ];
    expect(numbers(retain(all, 1, limited, START + 300 * DAY))).toEqual([1, 2, 4]);
  });

  it("leaves the best generation of another phone its time", () => {
    const all = [generation(1, 0, { pairing: "old" }), generation(2, 4 * DAY, { pairing: "new" })];
    expect(numbers(retain(all, 2, limited, START + 4 * DAY))).toEqual([1, 2]);
  });
});
