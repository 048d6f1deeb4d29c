import { setImmediate } from "node:timers";

/** The longest stretch of work without a pause, in ms. */
const STRETCH_MS = 3;

/** When the stretch of work under way began, whoever does it. */
let since = performance.now();
const waiting: (() => void)[] = [];

/**
 * Lets the rest of the process have its turn now and then during long work that awaits nothing else. A synchronous call
 * of the system costs microseconds where a promise for it costs a tenth of a millisecond, but the main thread is the
 * bot's.
 */
export const turns = {
  /**
   * To be awaited before each step. Resolves after a pause when the last one was some milliseconds ago. The stretches of
   * all work of the process count together, and after a pause one of those who wait goes on: a hundred sessions that are
   * saved at once keep the main thread no longer at a time than one.
   */
  async next(): Promise<void> {
    if (performance.now() - since < STRETCH_MS) return;
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 1) setImmediate(goOn);
    });
  },
};

function goOn(): void {
  since = performance.now();
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(goOn);
}
