/** One event of a client, as it was seen. */
export interface SeenEvent {
  name: string;
  /** Milliseconds since the epoch. */
  at: number;
  values: unknown[];
}

/** Limit of each wait in milliseconds: an event comes within seconds, and later on a busy machine. */
const UNTIL_MS = 180_000;

interface Waiter {
  name: string;
  count: number;
  settle(event: SeenEvent): void;
  fail(error: Error): void;
}

/** Remembers events, so that a test can wait for one that has already happened. */
export class EventLog {
  readonly seen: SeenEvent[] = [];
  #waiters: Waiter[] = [];
  #ended: Error | undefined;
  readonly #onEvent: (event: SeenEvent) => void;

  constructor(onEvent: (event: SeenEvent) => void = () => {}) {
    this.#onEvent = onEvent;
  }

  add(name: string, values: unknown[]): void {
    const added = { name, at: Date.now(), values };
    this.seen.push(added);
    this.#onEvent(added);
    for (const waiter of [...this.#waiters]) {
      const event = this.all(waiter.name)[waiter.count - 1];
      if (event) waiter.settle(event);
    }
  }

  /** No more events can come: every wait rejects with the reason. */
  end(reason: Error): void {
    this.#ended ??= reason;
    for (const waiter of [...this.#waiters]) waiter.fail(reason);
  }

  all(name: string): SeenEvent[] {
    return this.seen.filter((event) => event.name === name);
  }

  /** Resolves with the `count`-th event of this name since the beginning. */
  until(name: string, timeoutMs: number = UNTIL_MS, count = 1): Promise<SeenEvent> {
    const known = this.all(name)[count - 1];
    if (known) return Promise.resolve(known);
    if (this.#ended) return Promise.reject(this.#missing(name, this.#ended.message, this.#ended));
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiters = this.#waiters.filter((own) => own !== waiter);
      };
      const waiter: Waiter = {
        name,
        count,
        settle(event) {
          done();
          resolve(event);
        },
        fail: (error) => {
          done();
          reject(this.#missing(name, error.message, error));
        },
      };
      const timer = setTimeout(() => waiter.fail(new Error(`not within ${timeoutMs} ms`)), timeoutMs);
      this.#waiters.push(waiter);
    });
  }

  /** Resolves with the first event of this name that comes after `event`, which was seen here. */
  untilAfter(event: SeenEvent, name: string): Promise<SeenEvent> {
    const before = this.seen.slice(0, this.seen.indexOf(event) + 1).filter((one) => one.name === name);
    return this.until(name, UNTIL_MS, before.length + 1);
  }

  #missing(name: string, why: string, cause: Error): Error {
    return new Error(`no ${name}: ${why} (seen: ${this.seen.map((event) => event.name).join(", ") || "nothing"})`, {
      cause,
    });
  }
}
