/** How many answers wait at once: each holds a connection, of which a server has 500. */
const MOST_WAITING = 100;

/**
 * Answers that are given late. A bounded number of them waits: where one more comes, the one that has waited longest is given
 * at once. So whoever floods the server gains answers that come sooner, and takes no connection from others by waiting.
 */
export class LateAnswers {
  readonly #most: number;
  /** The ends of the waits, in the order in which these have begun. */
  readonly #waiting = new Set<() => void>();
  #isClosed = false;

  /** @param most how many wait at once. @default 100 */
  constructor(most: number = MOST_WAITING) {
    this.#most = most;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves when the answer is to be given. Never rejects.
   * @param ms after how long, in milliseconds
   * @param gone aborts when nobody waits for the answer any more
   */
  async wait(ms: number, gone: AbortSignal): Promise<void> {
    if (ms <= 0 || this.#isClosed || gone.aborted) return;
    const [oldest] = this.#waiting;
    if (oldest !== undefined && this.#waiting.size >= this.#most) oldest();
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        gone.removeEventListener("abort", end);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      gone.addEventListener("abort", end, { once: true });
      this.#waiting.add(end);
    });
  }

  /** Gives all answers that wait, and from now on each at once. */
  close(): void {
    this.#isClosed = true;
    for (const end of this.#waiting) end();
  }
}
