import { setMaxListeners } from "node:events";
import { Permits, SharedSemaphore } from "./shared-semaphore.ts";

/** A number of permits. A caller that finds no permit free waits in line. */
export class Semaphore extends Permits {
  /** @param count the number of permits, at least 1 */
  constructor(count: number) {
    super(new SharedSemaphore(count - 1), count);
  }
}

/**
 * Calls `work` with every item, as many at once as there are permits. The first failure aborts the signal of the calls
 * under way, and no further call begins.
 * @returns when no call is under way any more
 * @throws the first failure, or the signal's reason
 */
export async function forEachConcurrent<T>(
  items: Iterable<T>,
  limit: number | Permits,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const permits = typeof limit === "number" ? new Semaphore(limit) : limit;
  const failed = new AbortController();
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  // Each call under way listens to it; Node warns above ten listeners.
  setMaxListeners(0, stop);
  const underWay = new Set<Promise<void>>();
  try {
    for (const item of items) {
      await permits.acquire(stop);
      const one: Promise<void> = (async () => await work(item, stop))()
        .catch((error: unknown) => failed.abort(error))
        .finally(() => {
          permits.release();
          underWay.delete(one);
        });
      underWay.add(one);
    }
  } finally {
    await Promise.all(underWay);
  }
  stop.throwIfAborted();
}
