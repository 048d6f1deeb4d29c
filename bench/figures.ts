/** The cost of one step. All figures are of the process that made the step alone. */
export interface Figures {
  readonly wallMs: number;
  /** User and system time of all threads. */
  readonly cpuMs: number;
  /** The part of the main thread in it; only Linux tells it. */
  readonly mainMs?: number;
  /** Resident memory before the step. */
  readonly restBytes: number;
  /** The high-water mark of resident memory during the step. */
  readonly peakBytes: number;
  /** How late the event loop came to a timer: the median. */
  readonly delayP50Ms: number;
  /** The delay that one timer of a hundred exceeds. */
  readonly delayP99Ms: number;
  /** The longest delay: the event loop did nothing else for so long. */
  readonly delayMaxMs: number;
  /** Calls to the store. */
  readonly requests: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Bytes of the files that have changed since the save before, each compressed as a whole; of the limit only. */
  readonly compressedBytes?: number;
}

export type FigureName = keyof Figures;

export const steps = [
  "first save",
  "later save",
  "no-change save",
  "save under load",
  "kept-profile start",
  "restore",
] as const;
export type Step = (typeof steps)[number];

/** The two strategies, and the least that any strategy could do. */
export const sides = ["shipped", "ours", "limit"] as const;
export type Side = (typeof sides)[number];

/** The figures of one size and number of sessions, by side and step: the mean of the steps of each run. */
export type Samples = Record<Side, Record<Step, Figures[]>>;

export function noSamples(): Samples {
  const empty = (): Record<Step, Figures[]> => ({
    "first save": [],
    "later save": [],
    "no-change save": [],
    "save under load": [],
    "kept-profile start": [],
    restore: [],
  });
  return { shipped: empty(), ours: empty(), limit: empty() };
}

const LARGEST: readonly FigureName[] = ["peakBytes", "delayMaxMs"];

/** Of several steps of one kind: the mean of each figure, the largest peak and delay. */
export function mean(all: readonly Figures[]): Figures {
  return combine(all, (values, name) =>
    LARGEST.includes(name) ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0) / values.length,
  );
}

/** Of several runs: the median of each figure; empty for no run. */
export function median(all: readonly Figures[]): Partial<Figures> {
  return combine(all, (unsorted) => {
    const values = [...unsorted].sort((a, b) => a - b);
    const middle = values.length >> 1;
    const upper = values[middle] ?? Number.NaN;
    return values.length % 2 === 1 ? upper : (upper + (values[middle - 1] ?? upper)) / 2;
  });
}

function combine(all: readonly Figures[], of: (values: number[], name: FigureName) => number): Figures {
  const names = Object.keys(all[0] ?? {}) as FigureName[];
  const valuesOf = (name: FigureName): number[] => all.map((one) => one[name]).filter((value) => value !== undefined);
  return Object.fromEntries(names.map((name) => [name, of(valuesOf(name), name)])) as unknown as Figures;
}
