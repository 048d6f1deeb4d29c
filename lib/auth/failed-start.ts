import type { BrowserLike } from "../browser/client.ts";
import { closeQuietly } from "../browser/profile-launch.ts";

/** How long the browser of a start that failed stays open, in milliseconds. */
const FAILED_START_MS = 60_000;

/**
 * The browser of a start that whatsapp-web.js has given up: it listens to no event of the page, and calls no hook. The
 * browser stays open for a minute, for a person who looks at its page or calls `client.destroy()`, and is then closed.
 */
export class FailedStart {
  readonly #timer: NodeJS.Timeout;

  /** @param isReady whether the page has become ready all the same: then its browser is not closed */
  constructor(browser: BrowserLike, isReady: () => boolean) {
    this.#timer = setTimeout(() => void (isReady() || closeQuietly(browser)), FAILED_START_MS);
    // The browser keeps the process alive.
    this.#timer.unref();
  }

  /** The run has ended: the browser is closed by somebody else. */
  end(): void {
    clearTimeout(this.#timer);
  }
}
