/** A line of a panel. */
export interface Line {
  /** Shown beside the panel; "" where it has one line only. */
  readonly name: string;
  /** In CSS's words. */
  readonly color: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Lengths of its strokes and gaps, as in SVG. @default one stroke */
  readonly dashes?: string | undefined;
}

export interface Axis {
  /** @default none */
  readonly title?: string;
  readonly least: number;
  readonly most: number;
  /** Values that are labelled. */
  readonly ticks: readonly number[];
  readonly show: (value: number) => string;
  /** Whether equal factors, not equal differences, have equal lengths. @default false */
  readonly isLogarithmic?: boolean;
}

export interface Panel {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
  /** Whether each point of a line is marked. @default false */
  readonly hasMarks?: boolean;
}

const [WIDTH, LEFT, TOP, HEIGHT, GAP] = [760, 64, 34, 150, 62] as const;
/** Room for the names of the lines, in the width of a letter. */
const [LETTER, LEGEND] = [6.5, 110] as const;

/** A drawing in SVG, one panel below the other. Legible on light and on dark pages. */
export function draw(title: string, panels: readonly Panel[]): string {
  const height = panels.length * (HEIGHT + GAP) + TOP;
  const longest = Math.max(...panels.flatMap(({ lines }) => lines.map(({ name }) => name.length)));
  const width = WIDTH - LEFT - Math.max(LEGEND, 34 + longest * LETTER);
  const drawn = panels.map((panel, at) => panelOf(panel, TOP + at * (HEIGHT + GAP), width));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12" role="img">
<title>${title}</title>
<style>text{fill:#24292f}.axis{stroke:#8c959f}.grid{stroke:#8c959f;stroke-opacity:.3}.ground{fill:#ffffff}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}}</style>
<rect class="ground" width="${WIDTH}" height="${height}"/>
${drawn.join("\n")}
</svg>
`;
}

function panelOf({ title, x, y, lines, hasMarks }: Panel, top: number, width: number): string {
  const bottom = top + HEIGHT;
  const across = (value: number): number => round(LEFT + shareOf(x, value) * width);
  const up = (value: number): number => round(bottom - shareOf(y, value) * HEIGHT);
  const parts = [`<text x="${LEFT}" y="${top - 10}" font-weight="bold">${title}</text>`];
  for (const value of y.ticks) {
    parts.push(`<line class="grid" x1="${LEFT}" x2="${LEFT + width}" y1="${up(value)}" y2="${up(value)}"/>`);
    parts.push(`<text x="${LEFT - 6}" y="${round(up(value) + 4)}" text-anchor="end">${y.show(value)}</text>`);
  }
  for (const value of x.ticks) {
    parts.push(`<text x="${across(value)}" y="${bottom + 16}" text-anchor="middle">${x.show(value)}</text>`);
  }
  parts.push(`<line class="axis" x1="${LEFT}" x2="${LEFT + width}" y1="${bottom}" y2="${bottom}"/>`);
  const [center, middle] = [round(LEFT + width / 2), top + HEIGHT / 2];
  if (x.title) parts.push(`<text x="${center}" y="${bottom + 32}" text-anchor="middle">${x.title}</text>`);
  if (y.title) {
    parts.push(`<text transform="translate(16 ${middle}) rotate(-90)" text-anchor="middle">${y.title}</text>`);
  }
  for (const [index, { name, color, points, dashes }] of lines.entries()) {
    const places = points.map(([at, value]) => [across(at), up(value)] as const);
    const stroke = `stroke="${color}"${dashes ? ` stroke-dasharray="${dashes}"` : ""}`;
    parts.push(`<polyline fill="none" ${stroke} stroke-width="1.2" points="${places.join(" ")}"/>`);
    if (hasMarks) parts.push(...places.map(([cx, cy]) => `<circle fill="${color}" cx="${cx}" cy="${cy}" r="2.5"/>`));
    if (!name) continue;
    const [left, at] = [LEFT + width + 12, top + 12 + index * 18];
    parts.push(`<line ${stroke} stroke-width="3" x1="${left}" x2="${left + 14}" y1="${at}" y2="${at}"/>`);
    parts.push(`<text x="${left + 20}" y="${at + 4}">${name}</text>`);
  }
  return parts.join("\n");
}

/** Where a value lies between the ends of an axis, from 0 to 1. */
function shareOf({ least, most, isLogarithmic }: Axis, value: number): number {
  const at = isLogarithmic ? Math.log10 : (number: number): number => number;
  return (at(value) - at(least)) / (at(most) - at(least));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
