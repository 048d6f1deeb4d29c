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
 * Replaces `client.initialize` by a method that does the same and tells when it fails: whatsapp-web.js calls no hook of
 * the strategy when the browser cannot be launched or the page does not load in time.
 * @param onFailed called before the call rejects. Must not reject
 */
export function watchStarts(client: PublicClient, onFailed: (start: Start) => Promise<void>): void {
  const { initialize } = client;
  if (typeof initialize !== "function") return;
  client.initialize = async (...values: []): Promise<void> => {
    const children: ChildProcess[] = [];
    const start: Start = { children };
    const note = (message: unknown): void => {
      if (currentStart() === start) children.push((message as { process: ChildProcess }).process);
    };
    subscribe(CHILD_PROCESS, note);
    try {
      return await starts.run(start, () => initialize.apply(client, values));
    } catch (error) {
      await onFailed(start);
      throw error;
    } finally {
      unsubscribe(CHILD_PROCESS, note);
    }
  };
}
