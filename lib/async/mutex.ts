import { withSignal } from "./deadline.ts";
import { deferred } from "./deferred.ts";

/** Releases a mutex; may be called twice. */
export type Release = () => void;

/** A lock that one holder has at a time. Waiters are served in order. */
export class Mutex {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when every holder and waiter so far has ended. Rejects with the signal's reason when it aborts. */
  async idle(signal?: AbortSignal): Promise<void> {
    await withSignal(this.#last, signal);
  }

  /** Waits for the mutex. Rejects with the signal's reason, and leaves the line, when the signal aborts first. */
  async acquire(signal?: AbortSignal): Promise<Release> {
    const before = this.#last;
    const { promise: released, resolve: release } = deferred();
    this.#last = before.then(() => released);
    try {
      await withSignal(before, signal);
    } catch (cause) {
      release();
      throw cause;
    }
    return release;
  }

  /** Runs `work` when all earlier holders have ended, also with an error. The signal ends the wait only. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const release = await this.acquire(signal);
    try {
      return await work();
    } finally {
      release();
    }
  }
}

/** Acquires all mutexes, in this order. Rejects with the signal's reason, and releases all, when the signal aborts. */
export async function lockAll(mutexes: readonly Mutex[], signal: AbortSignal): Promise<Release> {
  const releases: Release[] = [];
  const releaseAll = (): void => {
    for (const release of releases) release();
  };
  try {
    for (const mutex of mutexes) releases.push(await mutex.acquire(signal));
  } catch (cause) {
    releaseAll();
    throw cause;
  }
  return releaseAll;
}

const byPath = new Map<string, Mutex>();

/** The mutexes of these files in this process, in one order, so that no two callers wait for one another. */
export function mutexesOf(paths: readonly string[]): Mutex[] {
  return [...new Set(paths)].sort().map((path) => {
    const mutex = byPath.get(path) ?? new Mutex();
    byPath.set(path, mutex);
    return mutex;
  });
}
