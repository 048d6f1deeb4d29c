/** The cost of one step. All figures are of the process that made the step alone. */
export interface Figures {
  readonly wallMs: number;
  /** User and system time of all threads. */
  readonly cpuMs: number;
  /** Resident memory before the step. */
  readonly restBytes: number;
  /** The high-water mark of resident memory during the step. */
  readonly peakBytes: number;
  /** The longest time in which the event loop was blocked. */
  readonly stallMs: number;
  /** Calls to the store. */
  readonly requests: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export type FigureName = keyof Figures;

export const steps = ["first save", "later save", "no-change save", "restore"] as const;
export type Step = (typeof steps)[number];

export const sides = ["shipped", "ours"] as const;
export type Side = (typeof sides)[number];

/** The figures of one size and number of sessions, by side and step: the mean of the steps of each run. */
export type Samples = Record<Side, Record<Step, Figures[]>>;

export function noSamples(): Samples {
  const empty = (): Record<Step, Figures[]> => ({
    "first save": [],
    "later save": [],
    "no-change save": [],
    restore: [],
  });
  return { shipped: empty(), ours: empty() };
}

/** Of several steps of one kind: the mean of each figure, the largest peak and stall. */
export function mean(all: readonly Figures[]): Figures {
  const average = (name: FigureName): number => all.reduce((sum, one) => sum + one[name], 0) / all.length;
  const largest = (name: FigureName): number => Math.max(...all.map((one) => one[name]));
  return combine((name) => (name === "peakBytes" || name === "stallMs" ? largest(name) : average(name)));
}

/** Of several runs: the median of each figure. */
export function median(all: readonly Figures[]): Figures {
  return combine((name) => {
    const values = all.map((one) => one[name]).sort((a, b) => a - b);
    const middle = values.length >> 1;
    const upper = values[middle] ?? Number.NaN;
    return values.length % 2 === 1 ? upper : (upper + (values[middle - 1] ?? upper)) / 2;
  });
}

function combine(of: (name: FigureName) => number): Figures {
  return {
    wallMs: of("wallMs"),
    cpuMs: of("cpuMs"),
    restBytes: of("restBytes"),
    peakBytes: of("peakBytes"),
    stallMs: of("stallMs"),
    requests: of("requests"),
    bytesSent: of("bytesSent"),
    bytesReceived: of("bytesReceived"),
  };
}
