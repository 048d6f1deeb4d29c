import { type Clock, systemClock } from "../clock.ts";

interface Work {
  readonly at: number;
  readonly run: () => void;
}

/** One timer for any number of owners, each with one work that is due at a time. It keeps no process alive. */
export class SharedTimer {
  readonly #clock: Clock;
  readonly #works = new Map<object, Work>();
  #cancel: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `run` once, at this moment of the monotonic clock. Replaces the work that `owner` had. */
  set(owner: object, at: number, run: () => void): void {
    this.#works.set(owner, { at, run });
    this.#wind();
  }

  /** Removes the work of `owner`. */
  clear(owner: object): void {
    if (this.#works.delete(owner)) this.#wind();
  }

  #wind(): void {
    this.#cancel();
    this.#cancel = () => {};
    if (this.#works.size === 0) return;
    const first = Math.min(...[...this.#works.values()].map(({ at }) => at));
    this.#cancel = this.#clock.after(Math.max(0, first - this.#clock.monotonicMs()), () => this.#runDue());
  }

  #runDue(): void {
    // A timer may run a fraction of a millisecond before its time.
    const now = this.#clock.monotonicMs() + 1;
    const due = [...this.#works].filter(([, { at }]) => at <= now);
    for (const [owner] of due) this.#works.delete(owner);
    this.#wind();
    for (const [, { run }] of due) run();
  }
}

/** The timer of this process. */
export const processTimer: SharedTimer = new SharedTimer(systemClock);
