import type { BigIntStats } from "node:fs";
import { expect, it } from "vitest";
import { identityOf, stampOf } from "../../lib/profile/file-identity.ts";
import { stopClock } from "./support/clock.ts";

const NOW = 1_700_000_000_000;

/** What `stat` says of a file whose content and times were changed so many milliseconds before `NOW`. */
function changed(contentMs: number, timesMs: number): BigIntStats {
  const at = (ms: number): bigint => BigInt(NOW - ms) * 1_000_000n;
  return { dev: 1n, ino: 2n, size: 3n, mtimeNs: at(contentMs), ctimeNs: at(timesMs) } as BigIntStats;
}

it.each([
  { contentMs: 2_000, timesMs: 2_000, settled: true },
  { contentMs: 60_000, timesMs: 2_000, settled: true },
  { contentMs: 60_000, timesMs: 1_999, settled: false },
  { contentMs: 1_999, timesMs: 60_000, settled: false },
  { contentMs: -5_000, timesMs: 60_000, settled: false },
])("a file changed $contentMs ms ago, its times $timesMs ms ago, has an identity: $settled", (age) => {
  stopClock(NOW);
  const stamp = stampOf(changed(age.contentMs, age.timesMs));
  expect(stamp.settled).toBe(age.settled);
  expect(identityOf(stamp, 3) !== undefined).toBe(age.settled);
});

it("an identity differs with the file, its size and each of its times", () => {
  stopClock(NOW);
  const stat = changed(5_000, 5_000);
  const others: Partial<BigIntStats>[] = [{ dev: 9n }, { ino: 9n }, { mtimeNs: 9n }, { ctimeNs: 9n }];
  const identities = [stat, ...others.map((other) => ({ ...stat, ...other }) as BigIntStats)].map((each) =>
    identityOf(stampOf(each), 3),
  );
  expect(new Set([...identities, identityOf(stampOf(stat), 4)]).size).toBe(6);
});
