import { describe, expect, it } from "vitest";
import type { Generation } from "../../lib/vault/entry.ts";
import { retain } from "../../lib/vault/retention.ts";

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
const options = { keep: 5, retainDeletedMs: 7 * DAY };
const numbers = (generations: readonly Generation[]): number[] => generations.map(({ n }) => n);

/** Saves every `every` ms for `until` ms, and what is kept after each. */
function saveFor(until: number, every: number, mark: (n: number) => Partial<Generation> = () => ({})): Generation[] {
  let kept: Generation[] = [];
  for (let n = 1, at = 0; at <= until; n++, at += every) {
    kept = retain([...kept, generation(n, at, mark(n))], n, options, START + at);
  }
  return kept;
}

describe("retention", () => {
  it("keeps the newest five, and the current one wherever it is", () => {
    const all = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => generation(n, -10 * DAY + n));
    expect(numbers(retain(all, 8, options, START))).toEqual([4, 5, 6, 7, 8]);
    expect(numbers(retain(all, 2, options, START))).toEqual([2, 4, 5, 6, 7, 8]);
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
