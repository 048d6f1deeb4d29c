import { setImmediate } from "node:timers/promises";

/** The longest stretch of work without a pause, in ms. */
const STRETCH_MS = 3;

/**
 * Lets the rest of the process have its turn now and then during long work that awaits nothing else. A synchronous call
 * of the system costs microseconds where a promise for it costs a tenth of a millisecond, but the main thread is the
 * bot's.
 */
export class Turns {
  #since: number = performance.now();

  /** To be called before each step. Resolves after a pause when the last one was some milliseconds ago. */
  async next(): Promise<void> {
    if (performance.now() - this.#since < STRETCH_MS) return;
    await setImmediate();
    this.#since = performance.now();
  }
}
