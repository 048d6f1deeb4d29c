import { withSignal } from "./deadline.ts";

/** Gives a mutex back; twice is once. */
export type Release = () => void;

/** One at a time, in the order they came. */
export class Mutex {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when everybody who has come so far has released it. */
  async idle(signal?: AbortSignal): Promise<void> {
    await withSignal(this.#last, signal);
  }

  /** Waits until it is free. A signal that aborts while waiting gives the place in the line up. */
  async acquire(signal?: AbortSignal): Promise<Release> {
    const before = this.#last;
    let release: Release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#last = before.then(() => released);
    try {
      await withSignal(before, signal);
    } catch (cause) {
      release();
      throw cause;
    }
    return release;
  }

  /** Runs `work` when everything before it has ended, however that ended. The signal counts while waiting only. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const release = await this.acquire(signal);
    try {
      return await work();
    } finally {
      release();
    }
  }
}

/** Acquires each of them, in this order. */
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

/** The mutexes of these files in this process, always in the same order: nobody waits in a circle. */
export function mutexesOf(paths: readonly string[]): Mutex[] {
  return [...new Set(paths)].sort().map((path) => {
    const mutex = byPath.get(path) ?? new Mutex();
    byPath.set(path, mutex);
    return mutex;
  });
}
