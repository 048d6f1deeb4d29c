import type { Clock } from "../../../lib/vault/clock.ts";

interface Timer {
  readonly clock: FakeClock;
  readonly at: number;
  readonly work: () => void;
}

/** Time that passes only when a test says so, for the clocks of any number of processes. */
export class FakeTime {
  #now = 0;
  #timers: Timer[] = [];

  /** Milliseconds since the beginning of the test. */
  get now(): number {
    return this.#now;
  }

  /** A clock for one process. @param skewMs how far its wall clock is ahead. */
  clock(skewMs = 0): FakeClock {
    return new FakeClock(this, skewMs);
  }

  /** How many timers are set. */
  timers(clock?: FakeClock): number {
    return this.#timers.filter((timer) => !clock || timer.clock === clock).length;
  }

  /** Lets time pass. Timers run when they are due, and after each all that follows from it without more time passing. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = this.#timers.filter(({ at, clock }) => at <= end && !clock.isPaused);
      const next = due.reduce<Timer | undefined>(
        (first, timer) => (first && first.at <= timer.at ? first : timer),
        undefined,
      );
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.work();
      await settle();
    }
    this.#now = end;
  }

  /** Lets time pass in which every process is stopped: timers that are due run with the next {@link advance}. */
  skip(ms: number): void {
    this.#now += ms;
  }

  /** Sets a timer. @returns a function that cancels it */
  set(timer: Timer): () => void {
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }
}

/** The clock of one process in {@link FakeTime}. */
export class FakeClock implements Clock {
  readonly #time: FakeTime;
  /** How far the wall clock is ahead, in milliseconds. */
  skewMs: number;
  /** Whether the process is stopped: none of its timers runs. Its clocks go on. */
  isPaused = false;

  constructor(time: FakeTime, skewMs: number) {
    this.#time = time;
    this.skewMs = skewMs;
  }

  monotonicMs(): number {
    return this.#time.now;
  }

  wallMs(): number {
    return START + this.#time.now + this.skewMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  after(ms: number, work: () => void): () => void {
    return this.#time.set({ clock: this, at: this.#time.now + ms, work });
  }
}

const START = Date.parse("2026-11-28T10:00:00Z");

/** Until nothing goes on that needs no time: the requests of a store in memory, and what follows from their answers. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
}
