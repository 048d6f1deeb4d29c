import type { Generation, KeptUntil, LogState } from "./entry.ts";
import type { LogTime } from "./trusted-time.ts";

/** The last moment that a `Date` can be, in milliseconds before or after 1970. */
export const LAST_TIME = 8.64e15;
/** The end of the year 9999, in milliseconds since 1970: later times have another form in texts. */
const LAST_SHOWN = 253_402_300_799_999;

/** So many of the newest replaced generations go only once their time has passed by the log's own clock as well. */
const KEPT_BY_LOG_CLOCK = 5;

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
 * A generation of records once another link has replaced the one of `state`: with an end of its own. The one that all
 * earlier links share comes later with each link, and what is replaced every hour would never go.
 * @param end of what is replaced now
 */
export function endingEarlier(one: Generation, { since = 0, content, earlier }: LogState, end: KeptUntil): Generation {
  const isReplacedNow = one.n >= since || one.n === content;
  if (!isReplacedNow && one.until !== undefined) return one;
  return { ...one, ...(isReplacedNow ? end : earlier) };
}

/**
 * The kept generations without those of links that ended with a deletion, once the deletion cannot be taken back any more;
 * after several deletions, once the last of these times is over. A rollback to such a generation, or `undelete`, makes it
 * one of the present link again. Records that were replaced go by their own time, too.
 */
export function withoutOverdue(state: LogState, now: LogTime): readonly Generation[] {
  const { live, content, since = 0, deleted, earlier, records } = state;
  const isShared = earlier !== undefined && !isOver(earlier, now);
  if (deleted) return isShared || !isOver(deleted, now) ? live : [];
  if (!earlier) return live;
  const before = live.filter(({ n }) => n < since && n !== content);
  const over = isShared ? (records ? replacedOverdue(before, now) : []) : before;
  return over.length === 0 ? live : live.filter((one) => !over.includes(one));
}

/**
 * Those of the generations before the present link (oldest first) whose own time is over. The log's own clock hardly moves
 * where a process takes the session to replace its records alone: there the wall clock decides about all but the newest.
 */
function replacedOverdue(before: readonly Generation[], now: LogTime): readonly Generation[] {
  const replaced = before.filter(({ until }) => typeof until === "number");
  return replaced.filter(({ until = 0, untilUptimeMs }, index) => {
    const isOld = index < replaced.length - KEPT_BY_LOG_CLOCK;
    return isOver({ until, untilUptimeMs }, now) || (isOld && until <= now.at);
  });
}
