import { AsyncLocalStorage } from "node:async_hooks";
import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { PublicClient } from "../browser/client.ts";

/** One call of `client.initialize()`. */
export interface Start {
  /** The processes that the call has started: puppeteer tells nobody of a browser whose start fails later. */
  readonly children: readonly ChildProcess[];
}

/** The channel on which Node.js tells of every new process. */
const CHILD_PROCESS = "child_process";

const starts = new AsyncLocalStorage<Start>();

/** The call of `client.initialize()` that the current code belongs to, of a client that is watched. */
export function currentStart(): Start | undefined {
  return starts.getStore();
}

/**
 * Watches the calls of `client.initialize()`: whatsapp-web.js calls no hook of the strategy when the browser cannot be
 * launched or the page does not load in time.
 */
export class WatchedStarts {
  readonly #onFailed: (start: Start) => Promise<void>;
  /** The start that whatsapp-web.js makes by itself, until it has ended; `begun` once somebody has called it. */
  #restart: { begun?: Promise<void> } | undefined;

  /**
   * Replaces `client.initialize` by a method that does the same.
   * @param onFailed called before a call that fails rejects. Must not reject
   */
  constructor(client: PublicClient, onFailed: (start: Start) => Promise<void>) {
    this.#onFailed = onFailed;
    const { initialize } = client;
    if (typeof initialize !== "function") return;
    client.initialize = async (...values: []): Promise<void> =>
      await this.#join(() => this.#watch(() => initialize.apply(client, values)));
  }

  /**
   * whatsapp-web.js is about to call `client.initialize()` by itself. Of that call and those of the user's own code beside
   * it the first one starts the client, and the others wait for the same start.
   */
  restarts(): void {
    this.#restart = {};
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
    const start: Start = { children };
    const note = (message: unknown): void => {
      if (currentStart() === start) children.push((message as { process: ChildProcess }).process);
    };
    subscribe(CHILD_PROCESS, note);
    try {
      return await starts.run(start, initialize);
    } catch (error) {
      await this.#onFailed(start);
      throw error;
    } finally {
      unsubscribe(CHILD_PROCESS, note);
    }
  }
}
