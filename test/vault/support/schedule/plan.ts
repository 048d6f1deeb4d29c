import type { Random } from "./random.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * `wild`: any process takes the session at any time. `leases`: a process that takes it waits for the one that has it.
 * `lossy`: wild, on a store that loses holds. `alone`: one process, on a store that creates nothing exclusively.
 */
export type Mode = "wild" | "leases" | "lossy" | "alone";

/** What goes wrong with requests, as shares of all of them. */
export interface FaultRates {
  /** Requests that go wrong. */
  readonly level: number;
  /** Requests that take their time. */
  readonly slow: number;
  /** Requests that a process sends much later than it meant to. */
  readonly idle: number;
}

/**
 * How a listing is answered: with the keys of one moment, with a page at a time in the order of the keys, or with all that
 * were there at one of two moments. `weak`, which no store may be: without those that are gone when each is looked at.
 */
export type Listing = "once" | "paged" | "union" | "weak";

/** What a seed decides before the schedule begins. */
export interface Plan {
  readonly mode: Mode;
  /** How many events there are while anything may go wrong. */
  readonly events: number;
  readonly rates: FaultRates;
  /** How late an effect is at most that comes late, in milliseconds; one of them each time. */
  readonly lateMs: readonly number[];
  /** How often a host sleeps or is cut off, or a process dies, as a multiple of the usual. */
  readonly unrest: number;
  /** The share of saves that a prune follows. */
  readonly prunes: number;
  /** How listings are answered. */
  readonly listing: Listing;
  /** How far the wall clocks of the hosts are ahead; one host each. */
  readonly skews: readonly number[];
  /** Whether somebody sets the wall clocks from time to time. */
  readonly areClocksSet: boolean;
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
  readonly isEncrypted: boolean;
  /** What the session holds. */
  readonly form: Form;
}

/** Generations of the files of a profile, or records. */
export type Form = "profile" | "records";

export function planOf(mode: Mode, random: Random): Plan {
  const hosts = mode === "alone" ? 1 : random.pick([1, 2, 3, 3]);
  return {
    mode,
    events: random.pick([400, 1_000]),
    lateMs: random.pick([LATE_MS, LATE_MS, SOON_MS]),
    unrest: random.pick([1, 1, 4]),
    prunes: random.pick([0, 0.5]),
    rates: {
      level: random.pick([0, 0.03, 0.1, 0.1, 0.2]),
      slow: random.pick([0.2, 0.2, 0.9]),
      idle: random.pick([0, 0.02, 0.1]),
    },
    listing: random.pick(["once", "paged", "union"]),
    skews: Array.from({ length: hosts }, () => someSkew(random)),
    areClocksSet: random.chance(0.2),
    pauses: mode === "leases" ? [SECOND, 10 * SECOND, 40 * SECOND, 400 * SECOND] : random.pick(PACES),
    concurrency: random.pick([1, 4]),
    hasReader: random.chance(0.3),
    hasPanel: mode !== "alone" && random.chance(0.3),
    attemptTimeoutMs: random.pick([10 * SECOND, 30 * SECOND]),
    leaseTtlMs: mode === "leases" ? random.pick([MINUTE, MINUTE, 3 * MINUTE]) : 24 * HOUR,
    areLeasesOn: mode === "leases" || (mode !== "alone" && random.chance(0.3)),
    isEncrypted: random.chance(0.2),
    form: "profile",
  };
}

/** How far a wall clock is ahead, in milliseconds. */
export function someSkew(random: Random): number {
  return random.pick([0, 0, 3 * SECOND, -50 * SECOND, 50 * SECOND, HOUR, -HOUR, 30 * HOUR, 40 * 24 * HOUR]);
}

const LATE_MS = [5 * SECOND, MINUTE, 400 * SECOND, 3 * HOUR];
const SOON_MS = [5 * SECOND, 20 * SECOND];
const PACES = [
  [SECOND, 5 * SECOND],
  [SECOND, MINUTE, HOUR],
  [5 * SECOND, 10 * HOUR],
  [MINUTE, 20 * 24 * HOUR],
];
