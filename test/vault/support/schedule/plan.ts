import type { FaultRates } from "./network.ts";
import type { Random } from "./random.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * `wild`: any process takes the session at any time. `leases`: a process that takes it waits for the one that has it.
 * `lossy`: wild, on a store that loses holds. `alone`: one process, on a store that creates nothing exclusively.
 */
export type Mode = "wild" | "leases" | "lossy" | "alone";

/** What a seed decides before the schedule begins. */
export interface Plan {
  readonly mode: Mode;
  readonly rates: FaultRates;
  /** How far the wall clocks of the hosts are ahead; one host each. */
  readonly skews: readonly number[];
  /** The longest pause of a process between two operations, one of them each time. */
  readonly pauses: readonly number[];
  /** How many requests of chunks a process makes at once. */
  readonly concurrency: number;
  readonly hasReader: boolean;
  /** Whether a process takes part that never names a lease. */
  readonly hasPanel: boolean;
  readonly attemptTimeoutMs: number;
  readonly leaseTtlMs: number;
  /** Whether processes have leases. Without them nobody waits, and nobody is told. */
  readonly areLeasesOn: boolean;
}

export function planOf(mode: Mode, random: Random): Plan {
  const skew = (): number => random.pick([0, 0, 3 * SECOND, -50 * SECOND, 50 * SECOND, HOUR, -HOUR, 30 * HOUR]);
  const hosts = mode === "alone" ? 1 : random.pick([1, 2, 3, 3]);
  return {
    mode,
    rates: {
      level: random.pick([0, 0.03, 0.1, 0.2]),
      slow: random.pick([0.2, 0.2, 0.9]),
      idle: random.pick([0, 0.02, 0.1]),
    },
    skews: Array.from({ length: hosts }, skew),
    pauses: mode === "leases" ? [SECOND, 10 * SECOND, 40 * SECOND, 400 * SECOND] : random.pick(PACES),
    concurrency: random.pick([1, 4]),
    hasReader: random.chance(0.3),
    hasPanel: random.chance(0.3),
    leaseTtlMs: mode === "leases" ? random.pick([MINUTE, MINUTE, 3 * MINUTE]) : 24 * HOUR,
    areLeasesOn: mode === "leases" || random.chance(0.3),
    attemptTimeoutMs: random.pick([5 * SECOND, 30 * SECOND]),
  };
}

const PACES = [
  [SECOND, 5 * SECOND],
  [SECOND, MINUTE, HOUR],
  [5 * SECOND, 10 * HOUR],
  [MINUTE, 20 * 24 * HOUR],
];
