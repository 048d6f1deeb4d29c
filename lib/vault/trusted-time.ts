import type { Entry, LogState } from "./entry.ts";

const HOUR_MS = 60 * 60 * 1000;
/** How far a wall clock may be from what the log tells, in milliseconds, before it is doubted: longer than a long weekend. */
const MOST_OFF_MS = 5 * 24 * HOUR_MS;

/** The time of an entry, by the wall clock of its writer and by the log's own clock. */
export type LogTime = Pick<Entry, "at" | "uptimeMs">;

/** A moment before which all wall clocks agreed with the log: the time then by these clocks, and by the log's own. */
export interface AgreedTime {
  readonly at: number;
  readonly uptimeMs: number;
}

/** What tells the time of the log before an entry. */
type Before = Pick<LogState, "n" | "at" | "uptimeMs" | "agreed">;

/**
 * What an entry notes of its writer's wall clock: a time to go by instead, while that clock is more than five days before
 * or after what the entries before it tell, and the session was held for less than an hour since it was first seen to be.
 * Either nobody has held the session for days, or the clock is wrong, and may be set soon.
 */
export function agreedTime(state: Before, { at, uptimeMs = state.uptimeMs ?? 0 }: LogTime): AgreedTime | undefined {
  if (state.n === 0) return undefined;
  const known = state.agreed ?? { at: state.at, uptimeMs: state.uptimeMs ?? 0 };
  const heldMs = uptimeMs - known.uptimeMs;
  if (Math.abs(at - (known.at + heldMs)) <= MOST_OFF_MS) return undefined;
  if (!state.agreed) return { at: known.at + heldMs, uptimeMs };
  return heldMs < HOUR_MS ? state.agreed : undefined;
}

/** The time by which the next entry judges the age of data: that of its writer, unless {@link agreedTime} doubts it. */
export function trustedTime(state: Before, next: LogTime): LogTime {
  const agreed = agreedTime(state, next);
  if (!agreed) return next;
  const { uptimeMs = agreed.uptimeMs } = next;
  return { at: agreed.at + uptimeMs - agreed.uptimeMs, uptimeMs };
}
