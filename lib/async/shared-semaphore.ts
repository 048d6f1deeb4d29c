interface Waiter {
  readonly user: Permits;
  readonly admit: () => void;
}

/**
 * A number of permits for several users. Each user has one more permit of its own: a user that never releases shared
 * permits, because a server does not answer, slows others down but cannot block them. Waiters are served in order.
 */
export class SharedSemaphore {
  #free: number;
  #size: number;
  readonly #line: Waiter[] = [];

  /** @param shared the number of permits beside the one that each user has */
  constructor(shared: number) {
    this.#free = shared;
    this.#size = shared;
  }

  /** The permits of a new user. @param most the number that the user may hold at once. @default no limit */
  permits(most: number = Number.POSITIVE_INFINITY): Permits {
    return new Permits(this, most);
  }

  /** Raises the number of shared permits to `shared`, if there are fewer. */
  grow(shared: number): void {
    this.#free += Math.max(0, shared - this.#size);
    this.#size = Math.max(shared, this.#size);
    this.#serve();
  }

  /** Whether a user waits. */
  get isBusy(): boolean {
    return this.#line.length > 0;
  }

  /** For {@link Permits}. */
  async acquire(user: Permits, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        user,
        admit: () => {
          signal?.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = (): void => {
        this.#line.splice(this.#line.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#line.push(waiter);
      this.#serve();
    });
  }

  /** For {@link Permits}. */
  release(user: Permits): void {
    // The user's own permit is the last one that it releases.
    if (--user.held > 0) this.#free++;
    this.#serve();
  }

  #serve(): void {
    for (let index = 0; index < this.#line.length; ) {
      const { user, admit } = this.#line[index] as Waiter;
      if (user.held >= user.most || (user.held > 0 && this.#free === 0)) {
        index++;
        continue;
      }
      if (user.held++ > 0) this.#free--;
      this.#line.splice(index, 1);
      admit();
    }
  }
}

/** The permits of one user of a {@link SharedSemaphore}. */
export class Permits {
  /** The number of permits that the user holds now. Only the semaphore changes it. */
  held = 0;
  readonly most: number;
  readonly #semaphore: SharedSemaphore;

  constructor(semaphore: SharedSemaphore, most: number) {
    this.#semaphore = semaphore;
    this.most = most;
  }

  /** Waits for one more permit; every `acquire` needs a `release`. Rejects with the signal's reason when it aborts. */
  acquire(signal?: AbortSignal): Promise<void> {
    return this.#semaphore.acquire(this, signal);
  }

  /**
   * As {@link acquire}, but waits for `limitMs` milliseconds at most; the wait keeps no process alive.
   * @returns whether there is a permit to be released: `false` when none was free in time
   */
  async acquireWithin(limitMs: number, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    const wait = new AbortController();
    const late = new Error("no permit was free in time");
    const timer = setTimeout(() => wait.abort(late), limitMs).unref();
    const abort = (): void => wait.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await this.acquire(wait.signal);
      return true;
    } catch (error) {
      if (error !== late) throw error;
      return false;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  release(): void {
    this.#semaphore.release(this);
  }

  /** Runs `work` with a permit. Rejects with the signal's reason when it aborts while waiting. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.acquire(signal);
    try {
      return await work();
    } finally {
      this.release();
    }
  }
}
