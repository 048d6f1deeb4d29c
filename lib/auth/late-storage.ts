import { setTimeout as delay } from "node:timers/promises";
import { waitAtMost } from "../async/deadline.ts";
import type { ClientLike } from "../browser/client.ts";

/** How long after READY a browser may still hold the login back, in milliseconds: Chromium writes at most once a minute. */
const LATE_MS = 120_000;
/** How long a client is kept from closing its browser, in milliseconds: what stops a container waits ten seconds. */
const LIMIT_MS = 5_000;
const POLL_MS = 50;

export interface LateStorage {
  readonly client: ClientLike;
  /** When READY was seen, by `performance.now()`. */
  readonly readyAt: number | undefined;
  /** Whether the login is on disk. */
  readonly isOnDisk: (signal: AbortSignal) => Promise<boolean>;
  /** In milliseconds. @default five seconds */
  readonly limitMs?: number;
}

/**
 * Makes Chromium write the login of a new link before its browser is closed. Local Storage is written seconds after the
 * page has changed it, and a browser that is closed before that writes it at its end, but not each time. It is written
 * at once when the last page that uses it has gone (`StorageAreaHolder::OnNoBindings` in Chromium's
 * `components/services/storage/dom_storage/local_storage_impl.cc`; within 120 ms of `page.close()` in Chromium 156).
 * @returns `undefined` when there is nothing to wait for; else a promise that ends at the limit at the latest, and never rejects
 */
export function writeLateStorage(options: LateStorage): Promise<void> | undefined {
  const { client, readyAt, isOnDisk, limitMs = LIMIT_MS } = options;
  const { pupBrowser, pupPage } = client;
  if (readyAt === undefined || performance.now() - readyAt > LATE_MS) return undefined;
  if (!pupBrowser?.isConnected() || pupPage?.close === undefined) return undefined;
  const over = new AbortController();
  const written = async (): Promise<void> => {
    await pupPage.close?.();
    while (pupBrowser.isConnected() && !over.signal.aborted) {
      if (await isOnDisk(over.signal)) return;
      await delay(POLL_MS, undefined, { signal: over.signal });
    }
  };
  return waitAtMost(limitMs, written()).finally(() => over.abort());
}
