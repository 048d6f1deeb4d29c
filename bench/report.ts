import type { StorageBackend } from "../lib/store.ts";
import { type FigureName, type Figures, median, type Samples, type Step, steps } from "./figures.ts";

/** The measurements, and the machine and stores of the run. */
export interface Result {
  readonly bytes: number;
  readonly backend: StorageBackend;
  readonly sessions: number;
  readonly saves: number;
  readonly samples: Samples;
}

interface Row {
  readonly name: string;
  readonly of: (figures: Figures) => number;
  readonly show: (value: number) => string;
  /** Without it: of every step. */
  readonly steps?: readonly Step[];
}

const SAVES: readonly Step[] = ["first save", "later save", "no-change save"];

const rows: readonly Row[] = [
  { name: "time", of: by("wallMs"), show: milliseconds },
  { name: "CPU time", of: by("cpuMs"), show: milliseconds },
  { name: "sent", of: by("bytesSent"), show: bytes, steps: SAVES },
  { name: "received", of: by("bytesReceived"), show: bytes, steps: ["restore"] },
  { name: "requests", of: by("requests"), show: (value) => value.toFixed(value % 1 === 0 ? 0 : 1) },
  { name: "peak memory", of: by("peakBytes"), show: bytes },
  { name: "peak above rest", of: ({ peakBytes, restBytes }) => Math.max(0, peakBytes - restBytes), show: bytes },
  { name: "longest stall", of: by("stallMs"), show: milliseconds },
];

const HEAD = ["step", "figure", "shipped", "ours", "shipped / ours"];

/** The table of one size and number of sessions, aligned for a terminal; Markdown reads it too. */
export function table({ samples }: Result): string {
  const lines: string[][] = [HEAD];
  for (const step of steps) {
    const [shipped, ours] = [samples.shipped[step], samples.ours[step]];
    if (shipped.length === 0 || ours.length === 0) continue;
    let title: string = step;
    for (const { name, of, show, steps: only } of rows) {
      if (only && !only.includes(step)) continue;
      const [theirs, own] = [of(median(shipped)), of(median(ours))];
      lines.push([title, name, show(theirs), show(own), ratio(theirs, own)]);
      title = "";
    }
  }
  return aligned(lines);
}

export function headline({ bytes: total, backend, sessions, saves, samples }: Result): string {
  const runs = samples.ours["first save"].length;
  return (
    `${sessions === 1 ? "1 session" : `${sessions} sessions in one process, each`} of ${bytes(total)} ` +
    `(${backend === "sqlite" ? "SQLite" : "LevelDB"}); ` +
    `later saves: mean of ${saves}; all figures: median of ${runs} run${runs === 1 ? "" : "s"}`
  );
}

/** What one call of the benchmark was: `--json` writes it, `--tables` reads it. */
export interface Report {
  /** When it ended, ISO 8601. */
  readonly at: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly results: readonly Result[];
}

/** The machine, then a table for each result: what docs/benchmark.md shows. */
export function markdown({ at, machine, results }: Report): string {
  const facts = Object.entries(machine).map(([name, value]) => `${name}: ${value}`);
  const tables = results.map((result) => `**${headline(result)}**\n\n${table(result)}`);
  return [`${at.slice(0, 10)}. ${facts.join("; ")}.`, ...tables].join("\n\n");
}

/** The report with the medians beside the runs they are of. */
export function json({ results, ...report }: Report): object {
  const medians = ({ samples }: Result, side: keyof Samples): object =>
    Object.fromEntries(steps.map((step) => [step, median(samples[side][step])]));
  const both = (result: Result): object => ({ shipped: medians(result, "shipped"), ours: medians(result, "ours") });
  return { ...report, results: results.map((result) => ({ ...result, medians: both(result) })) };
}

function by(name: FigureName): (figures: Figures) => number {
  return (figures) => figures[name];
}

function ratio(theirs: number, own: number): string {
  if (own === 0) return theirs === 0 ? "1.0" : "-";
  const value = theirs / own;
  return `${value >= 100 ? Math.round(value) : value.toPrecision(2)}`;
}

function milliseconds(value: number): string {
  return value < 1000 ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`;
}

/** In powers of ten. */
export function bytes(value: number): string {
  if (value < 1000) return `${Math.round(value)} B`;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB`;
  return value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(2)} GB`;
}

function aligned(lines: readonly string[][]): string {
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const row = (line: readonly string[]): string =>
    `| ${line.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join(" | ")} |`;
  const rule = `|${widths.map((width, column) => (column < 2 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  const [head = [], ...rest] = lines;
  return [row(head), rule, ...rest.map(row)].join("\n");
}

function pad(cell: string, width: number, column: number): string {
  return column < 2 ? cell.padEnd(width) : cell.padStart(width);
}
