import { Semaphore } from "./semaphore.ts";

export interface LineOptions {
  /** How many work at once. */
  readonly atOnce: number;
  /** Who has worked for so long does not count any more, in milliseconds: it may wait for a disk or a server that hangs. */
  readonly slowMs: number;
  /** Who has waited for so long waits no longer, in milliseconds. */
  readonly waitMs: number;
}

/** A line of callers, of whom a few work at once: first come, first served. Nobody waits for ever for others that hang. */
export class Line {
  readonly #options: LineOptions;
  readonly #places: Semaphore;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#places = new Semaphore(options.atOnce);
  }

  /**
   * Waits until it is the caller's turn.
   * @param waitMs how long at most, in milliseconds. @default {@link LineOptions.waitMs}
   * @returns a function to be called when the work has ended; may be called twice
   * @throws the signal's reason when it aborts first
   */
  async enter(signal?: AbortSignal, waitMs: number = this.#options.waitMs): Promise<() => void> {
    let holds = await this.#places.acquireWithin(waitMs, signal);
    const leave = (): void => {
      clearTimeout(slow);
      if (holds) this.#places.release();
      holds = false;
    };
    const slow = setTimeout(leave, this.#options.slowMs).unref();
    return leave;
  }

  /** Does `work` when it is the caller's turn. The signal ends the wait only. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const leave = await this.enter(signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }
}
