import { setTimeout as sleep } from "node:timers/promises";
import { Mutex } from "../async/mutex.ts";
import { isVaultError } from "../errors.ts";
import { type Changes, changeOf, merge } from "./changes.ts";

/** What the records of a session are stored in. */
export interface RecordStore {
  get(name: string): Promise<Buffer | undefined>;
  /** Brings what is stored into order. Only called while no changes are on their way. */
  open(): Promise<void>;
  /**
   * Makes the changes.
   * @param isAgain whether an attempt before this one, with a part of these changes, has failed
   * @throws `LEASE_LOST` when they must never be made
   */
  commit(changes: Changes, isAgain: boolean): Promise<void>;
}

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** How long to wait before the attempt after this many failures, in milliseconds. */
export function pauseMs(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
}

/**
 * Changes on their way to a store, one commit at a time; those that wait travel together. Reads see them at once. What could
 * not be stored is tried again for as long as the process lives, together with what was changed since: sockets have told
 * their peers of it, and cannot take it back.
 */
export class WriteLine {
  readonly #store: RecordStore;
  /** Held by an attempt, by {@link open} and {@link pause}. */
  readonly #mutex = new Mutex();
  #waiting: Changes | undefined;
  #waiters: Waiter[] = [];
  #flying: Changes | undefined;
  #isWorking = false;
  #failure: unknown;

  constructor(store: RecordStore) {
    this.#store = store;
  }

  /** Why the latest attempt has failed; `undefined` when it has not. */
  get failure(): unknown {
    return this.#failure;
  }

  /** The record as it is with all changes so far, stored or not. */
  async get(name: string): Promise<Buffer | undefined> {
    for (const changes of [this.#waiting, this.#flying]) {
      const change = changes && changeOf(changes, name);
      if (change) return change.bytes;
    }
    return await this.#store.get(name);
  }

  /** Opens the store, unless changes are on their way: those will bring it into order themselves. */
  async open(): Promise<void> {
    await this.#mutex.run(async () => {
      if (!this.#waiting) await this.#store.open();
    });
  }

  /** Does `work` while no changes are on their way: those that wait are made afterwards. */
  async pause(work: () => Promise<void>): Promise<void> {
    await this.#mutex.run(work);
  }

  /**
   * Makes the changes; reads see them from now on. Resolves when they are stored. Rejects when an attempt fails for a reason
   * that does not pass by itself (they are tried again all the same), or when they are given up: `LEASE_LOST`.
   */
  set(changes: Changes): Promise<void> {
    const stored = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }));
    // A caller that has given up waiting has been told so.
    stored.catch(() => {});
    this.#waiting = this.#waiting ? merge(this.#waiting, changes) : changes;
    if (!this.#isWorking) void this.#work();
    return stored;
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (let failures = 0; this.#waiting; ) {
      await this.#mutex.run(() => this.#attempt(failures > 0));
      failures = this.#failure === undefined ? 0 : failures + 1;
      // The process need not stay for it.
      if (failures > 0) await sleep(pauseMs(failures), undefined, { ref: false });
    }
    this.#isWorking = false;
  }

  async #attempt(isAgain: boolean): Promise<void> {
    const [changes, waiters] = [this.#waiting, this.#waiters];
    if (!changes) return;
    [this.#flying, this.#waiting, this.#waiters] = [changes, undefined, []];
    try {
      await this.#store.commit(changes, isAgain);
      [this.#flying, this.#failure] = [undefined, undefined];
      for (const { resolve } of waiters) resolve();
    } catch (error) {
      const all = [...waiters, ...this.#waiters];
      const isLost = isVaultError(error, "LEASE_LOST");
      this.#failure = isLost ? undefined : error;
      this.#waiting = isLost ? undefined : merge(changes, this.#waiting ?? { records: new Map() });
      this.#flying = undefined;
      this.#waiters = isPassing(error) ? all : [];
      if (!isPassing(error)) for (const { reject } of all) reject(error);
    }
  }
}

/** Whether the same call may succeed later. */
export function isPassing(error: unknown): boolean {
  return isVaultError(error) && error.retryable;
}
