import { EventEmitter, once } from "node:events";

/** An answer that is held until the test, or its client, ends it. */
interface Held {
  readonly ms: number;
  readonly ended: Promise<void>;
  readonly end: () => void;
}

/** Late answers that are given when a test says so, and not after a time. */
export class HeldAnswers {
  /** How many were to be given at once. */
  given = 0;
  readonly #held: Held[] = [];
  readonly #more = new EventEmitter();

  async wait(ms: number, gone: AbortSignal): Promise<void> {
    if (ms === 0) return void this.given++;
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    gone.addEventListener("abort", end, { once: true });
    this.#held.push({ ms, ended, end });
    this.#more.emit("held");
    await ended;
  }

  /** All that were held, once there are so many. */
  async until(count: number): Promise<readonly Held[]> {
    while (this.#held.length < count) await once(this.#more, "held");
    return this.#held;
  }

  /** Gives all that are held. */
  close(): void {
    for (const { end } of this.#held) end();
  }
}
