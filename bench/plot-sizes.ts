import { type Axis, draw, type Line, type Panel } from "./chart.ts";
import { type Figures, median, type Side, type Step, sides } from "./figures.ts";
import { aboveRest, bytes, milliseconds, type Report, type Result } from "./report.ts";

interface Figure {
  readonly title: string;
  readonly step: Step;
  readonly of: (figures: Partial<Figures>) => number | undefined;
  readonly show: (value: number) => string;
}

const FIGURES: readonly Figure[] = [
  {
    title: "A later save: CPU time",

    step: "later save",
    of: ({ cpuMs }) => cpuMs,
    show: milliseconds,
  },
  {
    title: "A later save: bytes sent",

    step: "later save",
    of: ({ bytesSent }) => bytesSent,
    show: bytes,
  },
  {
    title: "A save without a change: time",

    step: "no-change save",
    of: ({ wallMs }) => wallMs,
    show: milliseconds,
  },
  { title: "A later save: memory above rest", step: "later save", of: aboveRest, show: bytes },
];
const COLORS: Record<Side, string> = { shipped: "#c8553d", ours: "#2f7ed8", limit: "#8c959f" };
/** By the release of Node.js and the form of the storage. */
const DASHES = [undefined, "6 3", "2 3", "8 3 2 3"];

/**
 * A drawing in SVG: what a save costs, by the size of the profile; of the results with one session.
 * @throws when there are none
 */
export function plotSizes(reports: readonly Report[]): string {
  const results = reports.flatMap((report) => report.results).filter(({ sessions }) => sessions === 1);
  if (results.length === 0) throw new Error("There is no result of one session to be drawn.");
  const kinds = [...new Set(results.map(kindOf))];
  const panels = FIGURES.map((figure): Panel => {
    const lines = kinds.flatMap((kind, index) =>
      sides.map((side): Line => {
        const own = results.filter((result) => kindOf(result) === kind).sort((a, b) => a.bytes - b.bytes);
        const name = kinds.length === 1 ? side : `${side}, ${kind}`;
        const points = own.flatMap((result) => pointOf(result, side, figure));
        return { name, color: COLORS[side], points, dashes: DASHES[index % DASHES.length] };
      }),
    );
    const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
    return { title: figure.title, x: sizesOf(results), y: decadesOf(values, figure), lines, hasMarks: true };
  });
  return draw("What a save costs, by the size of the profile", panels);
}

function kindOf({ node, backend }: Result): string {
  return `Node.js ${node.split(".")[0]}${backend === "sqlite" ? ", SQLite" : ""}`;
}

/** A logarithm has no place for what costs nothing. */
function pointOf(result: Result, side: Side, { step, of }: Figure): [number, number][] {
  const value = of(median(result.samples[side][step]));
  return value !== undefined && value > 0 ? [[result.bytes, value]] : [];
}

/** The sizes that were measured, as far as their labels have room. */
function sizesOf(results: readonly Result[]): Axis {
  const sizes = results.map((result) => result.bytes).sort((a, b) => a - b);
  const [least, most] = [(sizes[0] ?? 1) / 1.2, (sizes.at(-1) ?? 1) * 1.2];
  const room = (most / least) ** (1 / 10);
  const ticks: number[] = [];
  for (const size of sizes) if (size > (ticks.at(-1) ?? 0) * room) ticks.push(size);
  return { title: "size of the profile", least, most, ticks, show: (size) => short(bytes(size)), isLogarithmic: true };
}

/** Whole powers of ten around the values. */
function decadesOf(values: readonly number[], { show }: Figure): Axis {
  const exponent = Math.floor(Math.log10(Math.min(...values)));
  const decades = Math.max(1, Math.ceil(Math.log10(Math.max(...values))) - exponent);
  const ticks = Array.from({ length: decades + 1 }, (_, index) => 10 ** (exponent + index));
  const [least = 1, most = 10] = [ticks[0], ticks.at(-1)];
  return { least, most, ticks, show: (value) => short(show(value)), isLogarithmic: true };
}

/** `99.7 MB` is `100 MB`, and `1.00 s` is `1 s`. */
function short(text: string): string {
  const [number = "", unit = ""] = text.split(" ");
  return `${Number(Number(number).toPrecision(2))} ${unit}`;
}
