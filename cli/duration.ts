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

/**
 * The milliseconds of a duration as a person writes it: `90s`, `5min`, `1h30min`, `7d`, `0`.
 * @param option for the message, as `--wait`
 * @throws `INVALID` with examples
 */
export function parseDuration(option: string, text: string): number {
  const given = text.trim().toLowerCase();
  const parts = [...given.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)\s*/g)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join("") === given;
  const ms = given === "0" ? 0 : isWhole ? Math.round(sumOf(parts)) : Number.NaN;
  if (ms <= LONGEST) return ms;
  const why = ms > LONGEST ? "of ten years at most" : "with a unit";
  throw new VaultError("INVALID", `Expected \`${option}\` to be a duration ${why}, got \`${text.slice(0, 40)}\`.`, {
    hint: "Write it as `90s`, `5min`, `2h` or `7d`.",
  });
}

/** @returns `NaN` when a unit is not known */
function sumOf(parts: readonly RegExpMatchArray[]): number {
  return parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (UNITS.get(unit) ?? Number.NaN), 0);
}

/** Reads the value of an option, for commander. */
export function durationOf(option: string): (text: string) => number {
  return (text) => parseDuration(option, text);
}
