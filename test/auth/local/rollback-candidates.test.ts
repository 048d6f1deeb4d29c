import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Lineage } from "../../../lib/auth/local/rollback-candidates.ts";

const MINUTE_MS = 60_000;

beforeEach(() => {
  // No time passes but what a test lets pass.
  vi.spyOn(performance, "now").mockReturnValue(performance.now());
});
afterEach(() => {
  vi.restoreAllMocks();
});

it("trusts what was opened, and no save of the last minute", () => {
  const lineage = new Lineage(3);
  expect(lineage.beforeDoubt()).toEqual([]);
  lineage.add(4);
  lineage.add(4);
  lineage.add(7);
  const now = performance.now();
  expect(lineage.beforeDoubt(now)).toEqual([3]);
  expect(lineage.beforeDoubt(now + 2 * MINUTE_MS)).toEqual([]);
});

it("trusts the first save of a new link more than the others", () => {
  const lineage = new Lineage();
  expect(lineage.beforeDoubt()).toEqual([]);
  lineage.add(2);
  expect(lineage.beforeDoubt()).toEqual([]);
  lineage.add(3);
  lineage.add(4);
  expect(lineage.beforeDoubt()).toEqual([2]);
});

it("does not grow without end, and never forgets what was opened", () => {
  const lineage = new Lineage(1);
  for (let generation = 2; generation < 1_000; generation++) lineage.add(generation);
  const now = performance.now();
  expect(lineage.beforeDoubt(now)).toEqual([1]);
  vi.mocked(performance.now).mockReturnValue(now + 2 * MINUTE_MS);
  lineage.add(1_000);
  const before = lineage.beforeDoubt(now + 2 * MINUTE_MS);
  expect(before).toEqual([1, ...Array.from({ length: 49 }, (_, index) => 951 + index)]);
});
