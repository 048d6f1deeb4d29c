import type { Clock } from "./clock.ts";

/**
 * How long it counts that an entry was seen to be the newest, in milliseconds. Whoever takes the session meanwhile leaves a
 * `hold` behind it, which nobody removes in so short a time.
 */
const COUNTS_MS = 60_000;

/** A moment, by both clocks of this process: the monotonic one may stand still while a machine is suspended. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** When an entry of the log was last seen to be the newest. */
export class NewestProof {
  readonly #clock: Clock;
  #seen: Moment;

  /** @param seen no later than the moment at which the entry was the newest */
  constructor(clock: Clock, seen: Moment) {
    this.#clock = clock;
    this.#seen = seen;
  }

  /** The present, to be asked for before a request is sent. */
  static now(clock: Clock): Moment {
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  /** Whether another holder may have come since, whose `hold` is gone again: then only a listing tells. */
  get isOld(): boolean {
    const { monotonicMs, wallMs } = NewestProof.now(this.#clock);
    return Math.max(monotonicMs - this.#seen.monotonicMs, Math.abs(wallMs - this.#seen.wallMs)) > COUNTS_MS;
  }

  /** A listing that was asked for at this moment has shown the entry as the newest. */
  listed(asked: Moment): void {
    this.#seen = asked;
  }

  /** Nothing was found at the number after the entry, by a request that was sent at this moment. */
  looked(asked: Moment): void {
    if (!this.isOld) this.#seen = asked;
  }
}
