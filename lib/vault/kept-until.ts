import type { Generation, KeptUntil, LogState } from "./entry.ts";
import type { EntryFacts } from "./entry-draft.ts";

/** The time of an entry, by the wall clock of its writer and by the log's own clock. */
export type LogTime = Pick<EntryFacts, "at" | "uptimeMs">;

/** The end of `ms` milliseconds that begin now. */
export function keptFor(ms: number, { at, uptimeMs = 0 }: LogTime): KeptUntil {
  return { until: at + ms, untilUptimeMs: uptimeMs + ms };
}

/**
 * Whether the time has passed by both clocks. A wall clock may be wrong by any time. The log's own clock never runs ahead,
 * and stands still while nobody has the session: data may stay longer than was promised, and never go earlier.
 */
export function isOver({ until, untilUptimeMs = Number.POSITIVE_INFINITY }: KeptUntil, now: LogTime): boolean {
  return until <= now.at && untilUptimeMs <= (now.uptimeMs ?? 0);
}

/**
 * The kept generations without those of a link that ended with a deletion, once the deletion cannot be taken back any
 * more. A rollback to such a generation, or `undelete`, makes it one of the present link again.
 */
export function withoutOverdue(state: LogState, now: LogTime): readonly Generation[] {
  const { live, content, since = 0, deleted, earlier } = state;
  if (deleted && isOver(deleted, now)) return [];
  return earlier && isOver(earlier, now) ? live.filter(({ n }) => n >= since || n === content) : live;
}
