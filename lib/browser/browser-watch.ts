// `lib/browser` knows puppeteer and the processes of Chromium: it locks a profile, starts a browser on it, and watches,
// ends and closes browsers. It imports `lib/profile`, `lib/disk`, `lib/async`, the types of stores and the errors. Only
// `lib/auth` may import it.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isGroupRunning } from "../disk/process-group.ts";
import type { BrowserLike, ClientLike } from "./client.ts";

/** A browser whose end is followed by no destroy() or logout() within this time, in milliseconds, has died. */
const CRASH_GRACE_MS = 1_500;

const GROUP_POLL_MS = 50;
const UNHURRIED_POLL_MS = 1_000;

/** Tells whether the browser of a client runs, and when it has died. */
export class BrowserWatch {
  readonly #client: ClientLike;
  readonly #onGone: (() => Promise<void>) | undefined;
  readonly #ended = new AbortController();

  /**
   * @param onGone called 1.5 s after the browser has ended for any reason, unless `end` was called. Must not reject.
   */
  constructor(client: ClientLike, onGone?: () => Promise<void>) {
    this.#client = client;
    this.#onGone = onGone;
  }

  /** Begins to watch the browser. */
  begin(browser: BrowserLike): void {
    const child = browser.process?.() ?? undefined;
    browser.once("disconnected", () => void this.#gone(child));
    // It has died since it was started: the event has come already.
    if (!browser.isConnected()) void this.#gone(child);
  }

  /** Ends the watch: `onGone` is not called any more. */
  end(): void {
    this.#ended.abort();
  }

  /** Whether a browser may be writing to the profile. */
  get isRunning(): boolean {
    const child = this.#process();
    return child ? isRunning(child) : (this.#client.pupBrowser?.isConnected() ?? false);
  }

  /** Resolves when the browser's processes have ended, or after `limitMs`. */
  async exit(limitMs: number): Promise<void> {
    const child = this.#process();
    if (child) await processesExit(child, limitMs);
  }

  async #gone(child: ChildProcess | undefined): Promise<void> {
    // A browser that is closed ends its connection first, and its process some time later.
    if (child && isProcessRunning(child)) await once(child, "exit").catch(() => undefined);
    const { signal } = this.#ended;
    // This timer keeps the process alive: it must not end before the profile is saved.
    await delay(CRASH_GRACE_MS, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await this.#onGone?.();
  }

  #process(): ChildProcess | undefined {
    return this.#client.pupBrowser?.process?.() ?? undefined;
  }
}

/**
 * Resolves when the process and its group have ended, or after `limitMs`. Never rejects.
 * @param options.keepsAlive whether this process stays for the time of the wait. @default true
 */
export async function processesExit(
  child: ChildProcess,
  limitMs: number,
  { keepsAlive = true }: { keepsAlive?: boolean } = {},
): Promise<void> {
  const until = performance.now() + limitMs;
  if (isProcessRunning(child)) {
    const signal = Number.isFinite(limitMs) ? AbortSignal.timeout(limitMs) : undefined;
    await once(child, "exit", signal && { signal }).catch(() => undefined);
  }
  // Chromium writes its storage in a process of its own, which may end a moment later than the main process.
  while (isGroupRunning(child.pid) && performance.now() < until) {
    await delay(keepsAlive ? GROUP_POLL_MS : UNHURRIED_POLL_MS, undefined, { ref: keepsAlive });
  }
}

/** Whether the process, or another one of its group, runs: puppeteer makes a group for each browser. */
export function isRunning(child: ChildProcess): boolean {
  return isProcessRunning(child) || isGroupRunning(child.pid);
}

function isProcessRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
