import type { BigIntStats } from "node:fs";
import { expect, it } from "vitest";
import { identifyFile, prefixIdentity } from "../../lib/disk/file-identity.ts";
import { stopClock } from "../profile/support/clock.ts";

const NOW = 1_700_000_000_000;

/** The `stat` of a file whose content and inode were changed so many milliseconds before `NOW`. */
function changed(contentMs: number, timesMs: number): BigIntStats {
  const at = (ms: number): bigint => BigInt(NOW - ms) * 1_000_000n;
  return { dev: 1n, ino: 2n, size: 3n, mtimeNs: at(contentMs), ctimeNs: at(timesMs) } as BigIntStats;
}

it.each([
  { contentMs: 2_000, timesMs: 2_000, trustworthy: true },
  { contentMs: 60_000, timesMs: 2_000, trustworthy: true },
  { contentMs: 60_000, timesMs: 1_999, trustworthy: false },
  { contentMs: 1_999, timesMs: 60_000, trustworthy: false },
  { contentMs: -5_000, timesMs: 60_000, trustworthy: false },
])("a file whose content changed $contentMs ms ago and inode $timesMs ms ago has an identity: $trustworthy", (age) => {
  stopClock(NOW);
  const identity = identifyFile(changed(age.contentMs, age.timesMs));
  expect(identity.trustworthy).toBe(age.trustworthy);
  expect(prefixIdentity(identity, 3) !== undefined).toBe(age.trustworthy);
});

it("identities differ when the file, its size or one of its times differs", () => {
  stopClock(NOW);
  const stat = changed(5_000, 5_000);
  const others: Partial<BigIntStats>[] = [{ dev: 9n }, { ino: 9n }, { mtimeNs: 9n }, { ctimeNs: 9n }];
  const identities = [stat, ...others.map((other) => ({ ...stat, ...other }) as BigIntStats)].map((each) =>
    prefixIdentity(identifyFile(each), 3),
  );
  expect(new Set([...identities, prefixIdentity(identifyFile(stat), 4)]).size).toBe(6);
});
