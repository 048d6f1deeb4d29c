import type { BigIntStats } from "node:fs";

/** Below this age in milliseconds a timestamp proves nothing: disks tick in up to 2 s, and a write may share the tick. */
const RACY_MS = 2_000;

/** What tells that a file is still the same. */
export interface Stamp {
  readonly file: string;
  readonly size: number;
  readonly times: string;
  /** Whether a later change would show. */
  readonly settled: boolean;
}

/** The stamp of a file as `stat` has found it just now. */
export function stampOf(stat: BigIntStats): Stamp {
  const now = Date.now();
  const newest = Math.max(Number(stat.mtimeNs / 1_000_000n), Number(stat.ctimeNs / 1_000_000n));
  return {
    file: `${stat.dev}:${stat.ino}`,
    size: Number(stat.size),
    times: `${stat.mtimeNs}:${stat.ctimeNs}`,
    settled: now - newest >= RACY_MS,
  };
}

/**
 * The identity of the first `size` bytes of a file; `undefined` for one that was written within the last two seconds: it
 * may be written again within the same tick of its clock, and would look the same.
 */
export function identityOf(stamp: Stamp, size: number): string | undefined {
  return stamp.settled ? `${stamp.file}:${size}:${stamp.times}` : undefined;
}
