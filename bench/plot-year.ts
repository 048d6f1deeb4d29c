import { axisTo } from "./axis.ts";
import { type Axis, draw, type Panel } from "./chart.ts";

/** What was stored at most on each day, for a profile of `size` bytes. */
export interface YearSeries {
  readonly size: number;
  readonly days: { profileBytes: number; bytes: number; objects: number; entries: number }[];
}

interface Figure {
  readonly title: string;
  readonly unit: string;
  readonly of: (day: YearSeries["days"][number]) => number;
}

const FIGURES: readonly Figure[] = [
  {
    title: "Bytes stored, as a multiple of the profile",
    unit: "times the profile",
    of: (day) => day.bytes / day.profileBytes,
  },
  { title: "Objects stored", unit: "objects", of: (day) => day.objects },
  { title: "Entries of the log", unit: "entries", of: (day) => day.entries },
];
const COLORS = ["#2f7ed8", "#c8553d", "#2a9d6f", "#9d5bc7"];
const MONTH_DAYS = 365 / 12;
const MONTHS: Axis = {
  title: "months",
  least: 0,
  most: 365,
  ticks: [0, 2, 4, 6, 8, 10, 12].map((month) => month * MONTH_DAYS),
  show: (day) => `${Math.round(day / MONTH_DAYS)}`,
};

/** A drawing in SVG: what a year of saves stores. */
export function plotYear(series: readonly YearSeries[]): string {
  const panels = FIGURES.map(({ title, unit, of }): Panel => {
    const lines = series.map(({ size, days }, index) => ({
      name: sizeText(size),
      color: COLORS[index % COLORS.length] ?? "",
      points: days.map((day, at) => [at + 1, of(day)] as const),
    }));
    return { title, x: MONTHS, y: axisTo(Math.max(...series.flatMap(({ days }) => days.map(of))), unit), lines };
  });
  return draw("What is stored of a session over a year of saves", panels);
}

function sizeText(bytes: number): string {
  const mib = bytes / (1024 * 1024);
  return mib < 1 ? `${bytes / 1024} KiB` : `${mib} MiB`;
}
