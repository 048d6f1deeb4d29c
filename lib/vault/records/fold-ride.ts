import type { Clock } from "../clock.ts";
import type { Fold } from "./fold.ts";

/** How long a fold waits for a set to travel with, in milliseconds. */
const RIDE_MS = 1_000;

/** Brings a fold into the log: with the entry of a set, if one comes soon. */
export class FoldRide {
  readonly #clock: Clock;
  /** Appends an entry that carries the {@link ready} fold, also when there is no set. */
  readonly #append: () => Promise<void>;
  #ready: Fold | undefined;
  #goOn: () => void = () => {};

  constructor(clock: Clock, append: () => Promise<void>) {
    this.#clock = clock;
    this.#append = append;
  }

  /** The fold that the next entry carries. */
  get ready(): Fold | undefined {
    return this.#ready;
  }

  /** Resolves when the fold is in the log, or was dropped. @param mayWait whether it waits for a set */
  async take(fold: Fold, mayWait: boolean, signal: AbortSignal): Promise<void> {
    this.#ready = fold;
    try {
      if (mayWait) await this.#wait(signal);
      if (this.#ready === fold) await this.#append();
    } finally {
      if (this.#ready === fold) this.#ready = undefined;
    }
  }

  /** The fold that is ready does not wait any more. */
  hurry(): void {
    this.#goOn();
  }

  /** A fold is in the log, or none is wanted any more. */
  drop(): void {
    this.#ready = undefined;
    this.#goOn();
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const late = this.#clock.sleep(RIDE_MS, AbortSignal.any([signal, over.signal])).catch(() => {});
    const goesOn = new Promise<void>((resolve) => {
      this.#goOn = resolve;
    });
    await Promise.race([goesOn, late]);
    over.abort();
    signal.throwIfAborted();
  }
}
