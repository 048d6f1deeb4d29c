import { VaultError } from "../lib/errors.ts";

const UNITS = { ms: 1, s: 1_000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * A time as a person writes it: `10s`, `5min`, `2h`, `1d`; a number alone is seconds.
 * @param option the option that it was given for, e.g. `--every`
 * @returns milliseconds
 * @throws `INVALID`
 */
export function durationOf(option: string, text: string, least = 0): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?) *(ms|s|min|m|h|d)?$/i.exec(text.trim()) ?? [];
  const ms = Number(number) * UNITS[unit.toLowerCase() as keyof typeof UNITS];
  if (number !== undefined && ms >= least && ms <= 366 * UNITS.d) return ms;
  throw new VaultError("INVALID", `${option}: ${JSON.stringify(text)} is no time that it takes.`, {
    hint: `Write a number and a unit (s, min, h, d), such as 10s${least > 0 ? `; at least ${least / 1_000}s` : ""}.`,
  });
}
