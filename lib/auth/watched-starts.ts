import { AsyncLocalStorage } from "node:async_hooks";
import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientLike } from "../browser/client.ts";

/** A call of `client.initialize()` that has failed. */
export interface StartFailure {
  readonly error: unknown;
  /** The processes that the call has started: puppeteer tells nobody of a browser whose start fails later. */
  readonly children: readonly ChildProcess[];
}

/** One call of `client.initialize()`. */
interface Start {
  isUnderWay: boolean;
}

/** The channel on which Node.js tells of every new process. */
const CHILD_PROCESS = "child_process";

const starts = new AsyncLocalStorage<Start>();

/** One call of whatsapp-web.js's `inject()`, which starts the client again when a session was refused. */
interface Injection {
  /** The error of that start. */
  failure?: { readonly error: unknown };
}

const injections = new AsyncLocalStorage<Injection>();

export interface StartListeners<T> {
  /** A call of `client.initialize()` that has begun `what` has failed; called before it rejects. Must not reject. */
  readonly onFailed: (what: T, failure: StartFailure) => Promise<void>;
  /** whatsapp-web.js has started the client again, nobody awaits that start, and it has failed. Must not throw. */
  readonly onRestartFailed?: (error: unknown) => void;
}

/**
 * Watches the calls of `client.initialize()`: whatsapp-web.js calls no hook of the strategy when the browser cannot be
 * launched or the page does not load in time. `T` is what a start begins: a run, a launch.
 */
export class WatchedStarts<T extends object> {
  readonly #onFailed: StartListeners<T>["onFailed"];
  readonly #begun = new WeakMap<Start, T>();
  /** The start that whatsapp-web.js makes by itself, until it has ended; `begun` once somebody has called it. */
  #restart: { begun?: Promise<void> } | undefined;

  /**
   * Replaces `client.initialize` by a method that does the same, and `client.inject` by one that does not reject when a
   * restart has failed that nobody awaits.
   */
  constructor(client: ClientLike, listeners: StartListeners<T>) {
    this.#onFailed = listeners.onFailed;
    const { initialize, inject } = client;
    if (typeof initialize === "function") {
      client.initialize = async (...values: []): Promise<void> =>
        await this.#start(() => initialize.apply(client, values));
    }
    const { onRestartFailed } = listeners;
    if (typeof inject === "function" && onRestartFailed !== undefined) {
      client.inject = async (...values: []): Promise<void> =>
        await this.#inject(() => inject.apply(client, values), onRestartFailed);
    }
  }

  /** The call of `client.initialize()` that the current code belongs to has begun `what`. */
  begins(what: T): void {
    const start = starts.getStore();
    if (start !== undefined) this.#begun.set(start, what);
  }

  /**
   * whatsapp-web.js is about to call `client.initialize()` by itself. Of that call and those of the user's own code beside
   * it the first one starts the client, and the others wait for the same start.
   */
  restarts(): void {
    this.#restart = {};
  }

  async #start(initialize: () => Promise<void>): Promise<void> {
    try {
      return await this.#join(() => this.#watch(initialize));
    } catch (error) {
      const injection = injections.getStore();
      if (injection !== undefined) injection.failure = { error };
      throw error;
    }
  }

  /** Called in `initialize()`, and in a listener of each later navigation, where a rejection would end the process. */
  async #inject(inject: () => Promise<void>, onRestartFailed: (error: unknown) => void): Promise<void> {
    const isAwaited = starts.getStore()?.isUnderWay === true;
    const injection: Injection = {};
    try {
      return await injections.run(injection, inject);
    } catch (error) {
      if (isAwaited || injection.failure?.error !== error) throw error;
      onRestartFailed(error);
    }
  }

  async #join(begin: () => Promise<void>): Promise<void> {
    const restart = this.#restart;
    if (restart === undefined) return await begin();
    restart.begun ??= begin().finally(() => {
      if (this.#restart === restart) this.#restart = undefined;
    });
    return await restart.begun;
  }

  async #watch(initialize: () => Promise<void>): Promise<void> {
    const children: ChildProcess[] = [];
    const start: Start = { isUnderWay: true };
    const note = (message: unknown): void => {
      if (starts.getStore() === start) children.push((message as { process: ChildProcess }).process);
    };
    subscribe(CHILD_PROCESS, note);
    try {
      return await starts.run(start, initialize);
    } catch (error) {
      const what = this.#begun.get(start);
      if (what !== undefined) await this.#onFailed(what, { error, children });
      throw error;
    } finally {
      start.isUnderWay = false;
      unsubscribe(CHILD_PROCESS, note);
    }
  }
}
