import type { Generation } from "./entry.ts";
import type { CheckedOptions } from "./options.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Which of `generations` (oldest first) stay when `content` is current: the newest, the newest proven one, one that is at
 * least an hour old and one at least a day old, and those that grow into these. A suspect or rejected generation never
 * takes the place of a good one. Of every other phone the best generation stays for a while: linking another account by
 * mistake must not cost the session before. It stays for `retainDeletedMs`.
 * @param now milliseconds since 1970.
 */
export function retain(
  generations: readonly Generation[],
  content: number,
  { keep, retainDeletedMs }: Pick<CheckedOptions, "keep" | "retainDeletedMs">,
  now: number,
): Generation[] {
  const current = generations.find(({ n }) => n === content);
  const kept = new Set<number>([content]);
  const add = (generation: Generation | undefined): void => {
    if (generation) kept.add(generation.n);
  };
  const phone = phoneOf(generations, current);
  // A generation without a pairing may be of the same phone: it is kept like one, never dropped as another phone's.
  const isOwn = ({ pairing }: Generation): boolean => phone === undefined || pairing === undefined || pairing === phone;
  const own = generations.filter(isOwn);
  const good = own.filter(isGood);
  for (const generation of good.slice(-keep)) add(generation);
  add(good.findLast(({ proven }) => proven));
  for (const age of [HOUR_MS, DAY_MS]) {
    add(good.findLast(({ at }) => now - at >= age));
    // Without the oldest younger one, no generation would ever become that old.
    add(good.find(({ at }) => now - at < age));
  }
  add(generations.findLast(({ suspect }) => suspect));
  add(own.findLast(({ rejected }) => rejected));

  const until = new Map<number, number>();
  for (const pairing of new Set(generations.filter((one) => !isOwn(one)).map((one) => one.pairing))) {
    const others = generations.filter((generation) => generation.pairing === pairing && isGood(generation));
    const best = others.findLast(({ proven }) => proven) ?? others.at(-1);
    const end = best?.until ?? now + retainDeletedMs;
    if (best && end > now) until.set(best.n, end);
  }
  return generations
    .filter(({ n }) => kept.has(n) || until.has(n))
    .map(({ until: _, ...generation }) =>
      until.has(generation.n) ? { ...generation, until: until.get(generation.n) } : generation,
    );
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
