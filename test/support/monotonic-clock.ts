import { onTestFinished } from "vitest";

interface Clock {
  /** The clock of the process, in ms. */
  readonly realNow: () => number;
  /** How far tests have put the clock forward, in ms. */
  aheadMs: number;
  /** When the clock stands still: what it says. */
  heldAt: number | undefined;
}

const KEY = Symbol.for("wa-vault: the monotonic clock of tests");
const shared = globalThis as { [KEY]?: Clock };
shared[KEY] ??= install();
const clock = shared[KEY];

/**
 * Puts `performance.now` in the place of a clock that tests can put forward, and that never goes back: many files share a
 * process, and the library remembers moments for as long as the process lives. Nobody else can replace it any more.
 */
function install(): Clock {
  const made: Clock = { realNow: performance.now.bind(performance), aheadMs: 0, heldAt: undefined };
  Object.defineProperty(performance, "now", { value: () => made.heldAt ?? made.realNow() + made.aheadMs });
  return made;
}

/** Lets the monotonic clock be `ms` later, for good; the wall clock stays. */
export function passTime(ms: number): void {
  if (!(ms >= 0)) throw new RangeError(`The monotonic clock cannot go back: ${ms} ms.`);
  if (clock.heldAt === undefined) clock.aheadMs += ms;
  else clock.heldAt += ms;
}

/** Until the test has finished, the monotonic clock goes on by {@link passTime} only. */
export function holdTime(): void {
  clock.heldAt = performance.now();
  onTestFinished(() => {
    if (clock.heldAt !== undefined) clock.aheadMs = Math.max(clock.aheadMs, clock.heldAt - clock.realNow());
    clock.heldAt = undefined;
  });
}

/** The time in ms since 1970 by a clock that no test sets. */
export function rightTime(): number {
  return performance.timeOrigin + clock.realNow();
}
