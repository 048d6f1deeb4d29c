import { rightTime } from "./monotonic-clock.ts";

/** Milliseconds that the clock is set back or forward. */
const JUMPS = [0, -3_600_000, 30 * 86_400_000];
/** How often a call that asks for the time finds it set. */
const SHARE = 0.1;

/**
 * From now on the wall clock of this process jumps at random moments: an hour back, a month forward, and to the right time.
 * Monotonic clocks, timers and the times of files stay as they are.
 * @param seed decides about the jumps, by the order in which the time is asked for
 * @returns a function that gives the real clock back
 */
export function letClockJump(seed: number): () => void {
  const RealDate = globalThis.Date;
  const next = randomOf(seed);
  let aheadMs = 0;
  const now = (): number => {
    if (next() < SHARE) aheadMs = JUMPS[Math.floor(next() * JUMPS.length)] ?? 0;
    return Math.floor(rightTime()) + aheadMs;
  };
  globalThis.Date = new Proxy(RealDate, {
    get: (target, name, receiver) => (name === "now" ? now : Reflect.get(target, name, receiver)),
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
  });
  return () => {
    globalThis.Date = RealDate;
  };
}

/** Numbers from 0 to 1, the same ones for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // Mulberry32, by Tommy Ettinger; in the public domain.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
