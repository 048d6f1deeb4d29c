import type { Axis } from "./chart.ts";

/** From 0 to a number that is easy to read, in steps of such numbers: 1, 2 or 5 times a power of ten. */
export function axisTo(least: number, title: string): Axis {
  const power = 10 ** Math.floor(Math.log10(least / 4));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= least / 4) ?? 10);
  const steps = Math.ceil(least / step);
  const ticks = Array.from({ length: steps + 1 }, (_, index) => index * step);
  return { title, least: 0, most: steps * step, ticks, show: (value) => `${value}` };
}
