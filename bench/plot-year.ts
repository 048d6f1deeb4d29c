/** What was stored at most on each day, for a profile of `size` bytes. */
export interface YearSeries {
  readonly size: number;
  readonly days: { profileBytes: number; bytes: number; objects: number; entries: number }[];
}

interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly of: (day: YearSeries["days"][number]) => number;
}

const PANELS: readonly Panel[] = [
  {
    title: "Bytes stored, as a multiple of the profile",
    unit: "times the profile",
    of: (day) => day.bytes / day.profileBytes,
  },
  { title: "Objects stored", unit: "objects", of: (day) => day.objects },
  { title: "Entries of the log", unit: "entries", of: (day) => day.entries },
];
const COLORS = ["#2f7ed8", "#c8553d", "#2a9d6f", "#9d5bc7"];
const [WIDTH, LEFT, RIGHT, TOP, HEIGHT, GAP] = [760, 64, 110, 34, 150, 62] as const;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const MONTH_DAYS = 365 / 12;

/** A drawing in SVG: what a year of saves stores, one panel below the other. Legible on light and on dark pages. */
export function plotYear(series: readonly YearSeries[]): string {
  const height = PANELS.length * (HEIGHT + GAP) + TOP;
  const panels = PANELS.map((panel, at) => panelOf(panel, series, TOP + at * (HEIGHT + GAP)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12" role="img">
<title>What is stored of a session over a year of saves</title>
<style>text{fill:#24292f}.axis{stroke:#8c959f}.grid{stroke:#8c959f;stroke-opacity:.3}.ground{fill:#ffffff}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}}</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
${panels.join("\n")}
</svg>
`;
}

function panelOf({ title, unit, of }: Panel, series: readonly YearSeries[], top: number): string {
  const values = series.map(({ days }) => days.map(of));
  const step = niceStep(Math.max(...values.flat()) / 4);
  const most = Math.ceil(Math.max(...values.flat()) / step) * step;
  const bottom = top + HEIGHT;
  const x = (day: number): number => LEFT + (day / 365) * PLOT_WIDTH;
  const y = (value: number): number => bottom - (value / most) * HEIGHT;
  const parts = [`<text x="${LEFT}" y="${top - 10}" font-weight="bold">${title}</text>`];
  for (let value = 0; value <= most; value += step) {
    parts.push(
      `<line class="grid" x1="${LEFT}" x2="${LEFT + PLOT_WIDTH}" y1="${round(y(value))}" y2="${round(y(value))}"/>`,
    );
    parts.push(`<text x="${LEFT - 6}" y="${round(y(value) + 4)}" text-anchor="end">${value}</text>`);
  }
  for (let month = 0; month <= 12; month += 2) {
    parts.push(`<text x="${round(x(month * MONTH_DAYS))}" y="${bottom + 16}" text-anchor="middle">${month}</text>`);
  }
  parts.push(`<line class="axis" x1="${LEFT}" x2="${LEFT + PLOT_WIDTH}" y1="${bottom}" y2="${bottom}"/>`);
  parts.push(`<text x="${LEFT + PLOT_WIDTH / 2}" y="${bottom + 32}" text-anchor="middle">months</text>`);
  const middle = top + HEIGHT / 2;
  parts.push(`<text transform="translate(16 ${middle}) rotate(-90)" text-anchor="middle">${unit}</text>`);
  for (const [index, { size }] of series.entries()) {
    const color = COLORS[index % COLORS.length];
    const points = (values[index] ?? []).map((value, day) => `${round(x(day + 1))},${round(y(value))}`);
    parts.push(`<polyline fill="none" stroke="${color}" stroke-width="1.2" points="${points.join(" ")}"/>`);
    const [left, line] = [LEFT + PLOT_WIDTH + 12, top + 12 + index * 18];
    parts.push(`<line stroke="${color}" stroke-width="3" x1="${left}" x2="${left + 14}" y1="${line}" y2="${line}"/>`);
    parts.push(`<text x="${left + 20}" y="${line + 4}">${sizeText(size)}</text>`);
  }
  return parts.join("\n");
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10);
}

function sizeText(bytes: number): string {
  const mib = bytes / (1024 * 1024);
  return mib < 1 ? `${bytes / 1024} KiB` : `${mib} MiB`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
