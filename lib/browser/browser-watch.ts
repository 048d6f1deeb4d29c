import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { BrowserLike, ClientLike } from "./client.ts";
import { hasLiveMember } from "./process-id.ts";

/** A browser that went away without destroy() or logout() within this time, in milliseconds, has died. */
const CRASH_GRACE_MS = 1_500;

const GROUP_POLL_MS = 50;

/** Whether the browser of a client runs, and when it is gone. */
export class BrowserWatch {
  readonly #client: ClientLike;
  readonly #onGone: (() => Promise<void>) | undefined;
  readonly #ended = new AbortController();

  /** @param onGone called some time after a browser went away, whyever. Must not reject. */
  constructor(client: ClientLike, onGone?: () => Promise<void>) {
    this.#client = client;
    this.#onGone = onGone;
  }

  /** Begins to watch. */
  begin(browser: BrowserLike): void {
    const child = browser.process?.() ?? undefined;
    browser.once("disconnected", () => void this.#gone(child));
  }

  /** Nobody wants to hear of it any more. */
  end(): void {
    this.#ended.abort();
  }

  /** Whether a browser may be writing to the profile. */
  get isRunning(): boolean {
    const child = this.#process();
    return child ? runs(child) || groupRuns(child.pid) : (this.#client.pupBrowser?.isConnected() ?? false);
  }

  /** Resolves when the browser's processes have ended, or after `limitMs`. */
  async exit(limitMs: number): Promise<void> {
    const child = this.#process();
    if (!child) return;
    const until = performance.now() + limitMs;
    if (runs(child)) await once(child, "exit", { signal: AbortSignal.timeout(limitMs) }).catch(() => undefined);
    // Chromium writes its storage in a process of its own, which may end a moment later than the first one.
    while (groupRuns(child.pid) && performance.now() < until) await delay(GROUP_POLL_MS);
  }

  async #gone(child: ChildProcess | undefined): Promise<void> {
    // A browser that is closed lets go of its connection first, and may take its time to end.
    if (child && runs(child)) await once(child, "exit").catch(() => undefined);
    const { signal } = this.#ended;
    // A process that has nothing else to do must not end before it has saved.
    await delay(CRASH_GRACE_MS, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await this.#onGone?.();
  }

  #process(): ChildProcess | undefined {
    return this.#client.pupBrowser?.process?.() ?? undefined;
  }
}

function runs({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}

/** Whether a process runs in the group that `leader` began, as puppeteer's browsers do: zombies do not. */
function groupRuns(leader: number | undefined): boolean {
  if (leader === undefined || process.platform === "win32") return false;
  try {
    process.kill(-leader, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return process.platform !== "linux" || hasLiveMember(leader);
}
