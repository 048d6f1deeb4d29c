import { VaultError } from "../lib/errors.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Milliseconds of a unit, by the ways in which people write it. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ...["s", "sec", "second", "seconds"].map((name) => [name, SECOND] as const),
  ...["m", "min", "minute", "minutes"].map((name) => [name, MINUTE] as const),
  ...["h", "hour", "hours"].map((name) => [name, HOUR] as const),
  ...["d", "day", "days"].map((name) => [name, DAY] as const),
  ...["w", "week", "weeks"].map((name) => [name, 7 * DAY] as const),
]);
/** Ten years: a longer one is a slip of the pen. */
const LONGEST = 3_650 * DAY;
/** The longest time of a timer in Node, for what is waited for by one timer. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1;

/** Between which an option takes durations, in milliseconds. */
export interface DurationLimits {
  /** @default 0 */
  readonly least?: number;
  /** @default ten years */
  readonly most?: number;
}

/**
 * The milliseconds of a duration as a person writes it: `90s`, `5min`, `1h30min`, `7d`, `0`. Units come in the order of their
 * size, each once.
 * @param option for the message, as `--wait`
 * @throws `INVALID` with examples
 */
export function parseDuration(
  option: string,
  text: string,
  { least = 0, most = LONGEST }: DurationLimits = {},
): number {
  const ms = millisecondsOf(text.trim().toLowerCase());
  if (ms >= least && ms <= most) return ms;
  const why = ms < least ? `of at least ${words(least)}` : ms > most ? `of at most ${words(most)}` : "with a unit";
  throw new VaultError("INVALID", `Expected \`${option}\` to be a duration ${why}, got \`${text.slice(0, 40)}\`.`, {
    hint: "Write it as `90s`, `5min`, `2h` or `7d`.",
  });
}

/** @returns `NaN` when it is no duration */
function millisecondsOf(text: string): number {
  if (text === "0") return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)\s*/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) return Number.NaN;
  let [sum, before] = [0, Number.POSITIVE_INFINITY];
  for (const [, number, name = ""] of parts) {
    const unit = UNITS.get(name) ?? Number.NaN;
    if (!(unit < before)) return Number.NaN;
    sum += Number(number) * unit;
    before = unit;
  }
  return Math.round(sum);
}

function words(ms: number): string {
  return ms < SECOND ? `${ms}ms` : ms < DAY ? `${ms / SECOND}s` : `${Math.floor(ms / DAY)}d`;
}

/** Reads the value of an option, for commander. */
export function durationOf(option: string, limits: DurationLimits = {}): (text: string) => number {
  return (text) => parseDuration(option, text, limits);
}
