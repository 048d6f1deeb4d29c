import { currentOf, type Generation, type KeptUntil } from "./entry.ts";
import { isOver, keptFor } from "./kept-until.ts";
import type { CheckedOptions } from "./options.ts";
import type { LogTime } from "./trusted-time.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Generations of which an infinite `keep` decides nothing: an entry lists each, and may be too large for a store with more. */
const MOST_UNDECIDED = 1_000;

/** The options that decide which generations stay. */
export type RetentionOptions = Pick<CheckedOptions, "keep" | "keepForMs" | "maxAgeMs" | "retainDeletedMs">;

/**
 * Which of `generations` (oldest first) stay when `content` is current. Whatever the options say: the current one, the
 * newest proven one, one that is at least an hour old and one at least a day old, and those that grow into these. Beside
 * them, unless they are older than `maxAgeMs`: the newest `keep`, one of each hour and each day of the last `keepForMs`,
 * and the newest suspect and rejected ones. A suspect or rejected generation never takes the place of a good one. Of every
 * other phone the best generation stays for `retainDeletedMs`: linking another account by mistake must not cost the
 * session before.
 *
 * With an infinite `keep` nothing is decided: all stay but those of other phones whose time was decided before, and is over.
 * Of more than a thousand, which no bot has decided about, the oldest go but those that stay with `keep: 1`.
 */
export function retain(
  generations: readonly Generation[],
  content: number,
  options: RetentionOptions,
  time: LogTime,
): Generation[] {
  const { keep, keepForMs, maxAgeMs, retainDeletedMs } = options;
  const now = time.at;
  const current = currentOf({ live: generations, content });
  const kept = new Set<number>([content]);
  const add = (generation: Generation | undefined): void => {
    if (generation) kept.add(generation.n);
  };
  const savedAt = latestTimes(generations);
  const addYoung = (generation: Generation | undefined): void => {
    if (generation && now - (savedAt.get(generation) ?? generation.at) <= maxAgeMs) add(generation);
  };
  const phone = phoneOf(generations, current);
  // A generation without a pairing may be of the same phone: it is kept like one, never dropped as another phone's.
  const isOwn = ({ pairing }: Generation): boolean => phone === undefined || pairing === undefined || pairing === phone;
  const own = generations.filter(isOwn);
  const good = own.filter(isGood);
  if (keep === Number.POSITIVE_INFINITY) {
    const undecided = generations
      .filter((one) => isOwn(one) || one.until === undefined || !isOver({ ...one, until: one.until }, time))
      .map((one) => (isOwn(one) ? withoutEnd(one) : one));
    if (undecided.length <= MOST_UNDECIDED) return undecided;
    const needed = new Set(retain(undecided, content, { ...options, keep: 1 }, time).map(({ n }) => n));
    const oldest = undecided.filter(({ n }) => !needed.has(n)).slice(0, undecided.length - MOST_UNDECIDED);
    return undecided.filter((one) => !oldest.includes(one));
  }
  add(good.findLast(({ proven }) => proven));
  for (const age of [HOUR_MS, DAY_MS]) {
    add(good.findLast((one) => certainAge(one, time) >= age));
    // Without the oldest younger one, no generation would ever become that old.
    add(good.find((one) => certainAge(one, time) < age));
  }
  for (const generation of [...good.slice(-keep), ...spread(good, keepForMs, now)]) addYoung(generation);
  addYoung(generations.findLast(({ suspect }) => suspect));
  addYoung(own.findLast(({ rejected }) => rejected));

  const others = new Map<number, KeptUntil>();
  const byDefault = keptFor(retainDeletedMs, time);
  for (const pairing of new Set(generations.filter((one) => !isOwn(one)).map((one) => one.pairing))) {
    const theirs = generations.filter((generation) => generation.pairing === pairing);
    const good = theirs.filter(isGood);
    // WhatsApp may have refused all of them for a while only, before another account was linked by mistake.
    const best = good.findLast(({ proven }) => proven) ?? good.at(-1) ?? theirs.findLast(({ suspect }) => !suspect);
    // Both of one time: an earlier version takes away the first alone.
    const { until, untilUptimeMs = byDefault.untilUptimeMs } = best ?? {};
    const end = until === undefined ? byDefault : { until, untilUptimeMs };
    if (best && !isOver(end, time)) others.set(best.n, end);
  }
  return generations
    .filter(({ n }) => kept.has(n) || others.has(n))
    .map((generation) => ({ ...withoutEnd(generation), ...others.get(generation.n) }));
}

/** The generation without the time that it had as another phone's. */
function withoutEnd({ until: _, untilUptimeMs: __, ...generation }: Generation): Generation {
  return generation;
}

/**
 * How old a generation is at least, in milliseconds: by the log's own clock, which never runs ahead. A wall clock may have
 * been wrong when the generation was saved: one that was saved in 1970 is not the one that is a day old.
 */
function certainAge({ at, uptimeMs }: Generation, now: LogTime): number {
  return uptimeMs === undefined || now.uptimeMs === undefined ? now.at - at : now.uptimeMs - uptimeMs;
}

/** When each was saved: no earlier than those before it, whatever the wall clock of that save said. */
function latestTimes(generations: readonly Generation[]): Map<Generation, number> {
  const times = new Map<Generation, number>();
  let latest = Number.NEGATIVE_INFINITY;
  for (const generation of generations) {
    latest = Math.max(latest, generation.at);
    times.set(generation, latest);
  }
  return times;
}

/** Of the last `forMs`, one generation of each day, and of the last day one of each hour (in UTC); a proven one if any. */
function spread(generations: readonly Generation[], forMs: number, now: number): Generation[] {
  const first = new Map<string, Generation>();
  for (const [period, withinMs] of [
    [HOUR_MS, Math.min(forMs, DAY_MS)],
    [DAY_MS, forMs],
  ] as const) {
    for (const generation of generations) {
      const age = now - generation.at;
      // The clock that a generation was saved by may have been ahead: such ones would never end.
      if (age < 0 || age >= withinMs) continue;
      const key = `${period} ${Math.floor(generation.at / period)}`;
      const known = first.get(key);
      if (!known || (generation.proven && !known.proven)) first.set(key, generation);
    }
  }
  return [...first.values()];
}

/** The phone of the current generation; when it names none, that of the newest one before it that does. */
function phoneOf(generations: readonly Generation[], current: Generation | undefined): string | undefined {
  if (!current) return undefined;
  return generations.findLast(({ n, pairing }) => n <= current.n && pairing !== undefined)?.pairing;
}

/** Whether the generation is neither suspect nor rejected. */
export function isGood({ suspect, rejected }: Generation): boolean {
  return !suspect && !rejected;
}
