const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;
const STEPS = [
  [1_000, "s"],
  [60_000, "min"],
  [3_600_000, "h"],
  [86_400_000, "d"],
] as const;

/** A size in bytes for people: `8.2 MB`. Units are powers of 1000. */
export function sizeWords(bytes: number): string {
  let [value, unit] = [bytes, 0];
  // What would be shown as 1000 is one of the next unit.
  while (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1_000, unit + 1];
  const text = unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1);
  return `${text} ${UNITS[unit]}`;
}

/** A duration in milliseconds for people: `5 min`, in the largest unit of which there is one. */
export function durationWords(ms: number): string {
  const [unitMs, unit] = STEPS.findLast(([least]) => Math.abs(ms) >= least) ?? STEPS[0];
  return `${Math.trunc(ms / unitMs)} ${unit}`;
}

/**
 * How much is left of a time, in milliseconds, for people: `7 d` still, a few seconds after a week has begun.
 */
export function leftWords(ms: number): string {
  return durationWords(ms + Math.min(60_000, ms / 100));
}

/** How long ago `at` was at `now`: `5 min ago`; `just now` also for times that are a little ahead. */
export function ageWords(at: Date, now: number = Date.now()): string {
  const ms = now - at.getTime();
  if (ms < 1_000) return ms > -60_000 ? "just now" : `in ${durationWords(-ms)}`;
  return `${durationWords(ms)} ago`;
}
