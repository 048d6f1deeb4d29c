import type { Generation, KeptUntil, LogState } from "./entry.ts";
import type { LogTime } from "./trusted-time.ts";

/** The last moment that a `Date` can be, in milliseconds before or after 1970. */
export const LAST_TIME = 8.64e15;
/** The end of the year 9999, in milliseconds since 1970: later times have another form in texts. */
const LAST_SHOWN = 253_402_300_799_999;

/** The end of `ms` milliseconds that begin now, which may be more than there are ("for ever"). */
export function keptFor(ms: number, { at, uptimeMs = 0 }: LogTime): KeptUntil {
  return { until: Math.min(at + ms, LAST_TIME), untilUptimeMs: Math.min(uptimeMs + ms, LAST_TIME) };
}

/** The end by wall clocks, for people; one after the year 9999 is shown as the end of that. */
export function endDate({ until }: KeptUntil): Date {
  return new Date(Math.max(-LAST_TIME, Math.min(until, LAST_SHOWN)));
}

/** The end of both times. */
export function laterOf(one: KeptUntil | undefined, other: KeptUntil): KeptUntil {
  if (one === undefined) return other;
  return {
    until: Math.max(one.until, other.until),
    untilUptimeMs: Math.max(endOf(one), endOf(other)),
  };
}

/**
 * Whether the time has passed by both clocks. A wall clock may be wrong by any time. The log's own clock never runs ahead,
 * and stands still while nobody has the session: data may stay longer than was promised, and never go earlier.
 */
export function isOver(kept: KeptUntil, now: LogTime): boolean {
  return kept.until <= now.at && endOf(kept) <= (now.uptimeMs ?? 0);
}

/** By the log's own clock. JSON has `null` in the place of a time without an end. */
function endOf({ untilUptimeMs }: KeptUntil): number {
  return untilUptimeMs ?? Number.POSITIVE_INFINITY;
}

/**
 * The kept generations without those of links that ended with a deletion, once the deletion cannot be taken back any more;
 * after several deletions, once the last of these times is over. A rollback to such a generation, or `undelete`, makes it
 * one of the present link again.
 */
export function withoutOverdue(state: LogState, now: LogTime): readonly Generation[] {
  const { live, content, since = 0, deleted, earlier } = state;
  if (earlier && !isOver(earlier, now)) return live;
  if (deleted) return isOver(deleted, now) ? [] : live;
  return earlier ? live.filter(({ n }) => n >= since || n === content) : live;
}
