import { setTimeout as delay } from "node:timers/promises";

const FIRST_PAUSE_MS = 100;

export interface LookAgain {
  /** No pause begins after this time, in milliseconds. */
  readonly limitMs: number;
  /** Ends a pause with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks until nothing is missing, with pauses that begin at 100 ms and double. Looks once more at the end of the time.
 * @param look resolves to what is missing; to `undefined` when nothing is
 * @returns what was missing at the last look, and how many looks there were
 * @throws what `look` throws; the signal's reason when it aborts in a pause
 */
export async function lookAgain<T>(
  look: () => Promise<T | undefined>,
  { limitMs, signal }: LookAgain,
): Promise<{ missing: T | undefined; looks: number }> {
  const end = performance.now() + limitMs;
  for (let [looks, pause] = [1, FIRST_PAUSE_MS]; ; looks += 1, pause *= 2) {
    const missing = await look();
    const left = end - performance.now();
    if (missing === undefined || left <= 0) return { missing, looks };
    await delay(Math.min(pause, left), undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
  }
}
