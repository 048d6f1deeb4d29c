import type { StorageBackend } from "../lib/store.ts";
import { aligned } from "./aligned.ts";
import { type FigureName, type Figures, median, type Samples, type Step, sides, steps } from "./figures.ts";

/** The measurements, and the machine and stores of the run. */
export interface Result {
  readonly bytes: number;
  readonly backend: StorageBackend;
  /** The version of Node.js, all of it. */
  readonly node: string;
  readonly sessions: number;
  readonly saves: number;
  readonly samples: Samples;
}

/** The figures of one side and step, if there are any. */
type Cost = Partial<Figures>;

interface Row {
  readonly name: string;
  readonly of: (figures: Cost) => number | undefined;
  readonly show: (value: number) => string;
  /** Without it: of every step. */
  readonly steps?: readonly Step[];
  /** Whether the limit has a figure of its own. @default true */
  readonly isLimited?: boolean;
}

const SAVES: readonly Step[] = ["first save", "later save", "no-change save", "save under load"];
const CHANGED: readonly Step[] = ["first save", "later save"];
const STARTS: readonly Step[] = ["kept-profile start", "restore"];

const rows: readonly Row[] = [
  { name: "time", of: by("wallMs"), show: milliseconds },
  { name: "CPU time", of: by("cpuMs"), show: milliseconds },
  { name: "of it, main thread", of: by("mainMs"), show: milliseconds },
  { name: "sent", of: by("bytesSent"), show: bytes, steps: SAVES },
  { name: "received", of: by("bytesReceived"), show: bytes, steps: STARTS },
  { name: "requests", of: by("requests"), show: (value) => value.toFixed(value % 1 === 0 ? 0 : 1), isLimited: false },
  { name: "peak memory", of: by("peakBytes"), show: bytes },
  { name: "peak above rest", of: aboveRest, show: bytes },
  { name: "event loop delay, p50", of: by("delayP50Ms"), show: milliseconds, isLimited: false },
  { name: "event loop delay, p99", of: by("delayP99Ms"), show: milliseconds, isLimited: false },
  { name: "event loop delay, most", of: by("delayMaxMs"), show: milliseconds, isLimited: false },
];

const HEAD = ["step", "figure", "shipped", "ours", "limit", "shipped / ours", "ours / limit"];

/** The table of one size and number of sessions, aligned for a terminal; Markdown reads it too. */
export function table({ samples }: Result): string {
  const lines: string[][] = [HEAD];
  for (const step of steps) {
    if (samples.ours[step].length === 0) continue;
    const [shipped, ours, limit] = sides.map((side) => median(samples[side][step])) as [Cost, Cost, Cost];
    const below = lines.length;
    for (const { name, of, show, steps: only, isLimited = true } of rows) {
      if (only && !only.includes(step)) continue;
      const all = [of(shipped), of(ours), isLimited ? of(limit) : undefined] as const;
      lines.push(["", name, ...all.map((value) => cell(value, show)), ratio(all[0], all[1]), ratio(all[1], all[2])]);
      if (name !== "sent" || !CHANGED.includes(step)) continue;
      const { compressedBytes } = limit;
      const compressed = ["-", "-", cell(compressedBytes, show), "-", ratio(ours.bytesSent, compressedBytes)];
      lines.push(["", "changed files, compressed", ...compressed]);
    }
    lines[below]?.splice(0, 1, step);
  }
  return aligned(lines);
}

export function headline({ bytes: total, backend, node, sessions, saves, samples }: Result): string {
  const runs = samples.ours["first save"].length;
  return (
    `${sessions === 1 ? "1 session" : `${sessions} sessions in one process, each`} of ${bytes(total)} ` +
    `(${backend === "sqlite" ? "SQLite" : "LevelDB"}), Node.js ${node}; ` +
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
  const medians = ({ samples }: Result): object =>
    Object.fromEntries(
      sides.map((side) => [side, Object.fromEntries(steps.map((step) => [step, median(samples[side][step])]))]),
    );
  return { ...report, results: results.map((result) => ({ ...result, medians: medians(result) })) };
}

function by(name: FigureName): Row["of"] {
  return (figures) => figures[name];
}

/** What a step adds to the memory of its process. */
export function aboveRest({ peakBytes, restBytes }: Cost): number | undefined {
  return peakBytes === undefined || restBytes === undefined ? undefined : Math.max(0, peakBytes - restBytes);
}

function cell(value: number | undefined, show: Row["show"]): string {
  return value === undefined ? "-" : show(value);
}

function ratio(one: number | undefined, other: number | undefined): string {
  if (one === undefined || other === undefined) return "-";
  if (other === 0) return one === 0 ? "1.0" : "-";
  const value = one / other;
  return `${value >= 100 ? Math.round(value) : value.toPrecision(2)}`;
}

/** @param digits after the point, of a value below 10. @default 1 */
export function milliseconds(value: number, digits = 1): string {
  return value < 1000
    ? `${value < 10 ? value.toFixed(digits) : Math.round(value)} ms`
    : `${(value / 1000).toFixed(2)} s`;
}

/** In powers of ten. */
export function bytes(value: number): string {
  if (value < 1000) return `${Math.round(value)} B`;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB`;
  return value < 1e9 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e9).toFixed(2)} GB`;
}
