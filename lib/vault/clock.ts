import { setTimeout as delay } from "node:timers/promises";

/** The clocks and timers of a vault. Tests and schedules give a clock of their own. */
export interface Clock {
  /** Milliseconds since an unknown moment. Never goes back, and no one can set it. */
  monotonicMs(): number;
  /** Milliseconds since 1970. May be wrong by any time, and may go back. */
  wallMs(): number;
  /** Resolves after `ms` milliseconds. @throws the reason of `signal` as soon as it aborts */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Runs `work` once, after `ms` milliseconds. The timer keeps no process alive.
   * @returns a function that cancels the timer; without effect after `work` has run.
   */
  after(ms: number, work: () => void): () => void;
}

/** The clocks and timers of this process. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  async sleep(ms, signal) {
    await delay(ms, undefined, signal ? { signal } : {}).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  },
  after(ms, work) {
    const timer = setTimeout(work, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
