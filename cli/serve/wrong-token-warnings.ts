/** How long a warning is the only one, in milliseconds. */
const EVERY_MS = 60_000;
/** How many addresses one warning names. */
const MOST_NAMED = 3;

/** Warns of wrong tokens: at once of the first, and of what comes within the next minute in one line at its end. */
export class WrongTokenWarnings {
  readonly #warn: (message: string) => void;
  /** By their addresses. */
  readonly #counts = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** @param address as the connection has it */
  wrong(address: string): void {
    if (this.#timer !== undefined) {
      // Of a flood from everywhere a number is enough.
      const key = this.#counts.has(address) || this.#counts.size < 1_000 ? address : "";
      return void this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    }
    this.#warn(`A wrong token was shown from ${address}.`);
    this.#wait();
  }

  /** Says what is left to be said. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tellCounts();
  }

  #wait(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#tellCounts()) this.#wait();
    }, EVERY_MS).unref();
  }

  #tellCounts(): boolean {
    if (this.#counts.size === 0) return false;
    const named = [...this.#counts.keys()].filter(Boolean).slice(0, MOST_NAMED).join(", ");
    const others = this.#counts.size > MOST_NAMED ? " and other addresses" : "";
    const sum = [...this.#counts.values()].reduce((one, other) => one + other);
    this.#warn(`${sum} more wrong ${sum === 1 ? "token was" : "tokens were"} shown, from ${named}${others}.`);
    this.#counts.clear();
    return true;
  }
}
