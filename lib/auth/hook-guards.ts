import { setTimeout as delay } from "node:timers/promises";
import type { BrowserLike, ClientLike } from "../browser/client.ts";
import { closeQuietly, destroyedMeanwhile } from "../browser/profile-launch.ts";

/** How long a start waits for the browser before it to close. */
const CLOSE_WAIT_MS = 60_000;

/** How a strategy starts a browser. */
export interface GuardedStart {
  /** Names the session or the profile in an error. */
  readonly what: string;
  /** Whether the strategy has no browser, and none under way. */
  readonly isFirst: boolean;
  /** Resolves when the browser before is closed, where one is about to be. */
  readonly previous: Promise<unknown> | undefined;
}

/**
 * Decides which of whatsapp-web.js's hooks mean a new browser: they are also called when the page has logged out and goes
 * on in the same browser, after a `destroy()`, and while another browser runs.
 */
export class HookGuards {
  readonly #client: () => ClientLike;
  /** How often the page has logged out and is about to go on in the same browser, by the next hooks. */
  #continuing = 0;
  #destroys = 0;
  /** The browser that was opened last. */
  #browser: BrowserLike | undefined;

  constructor(client: () => ClientLike) {
    this.#client = client;
  }

  /**
   * For `beforeBrowserInitialized`: calls `begin`, unless the browser of before goes on.
   * @param inTurn runs `begin` when the hooks before it have ended
   * @throws `CANCELLED` when the client was destroyed meanwhile; what `begin` throws
   */
  async start(
    { what, isFirst, previous }: GuardedStart,
    begin: () => Promise<void>,
    inTurn: (step: () => Promise<void>) => Promise<void> = (step) => step(),
  ): Promise<void> {
    const client = this.#client();
    if (this.#continuing > 0) {
      // In that browser, or it was closed meanwhile: either way there is nothing to open.
      this.#continuing -= 1;
      return;
    }
    // Before the first browser a destroy() can mean nothing but this start; later it may be that of the browser before.
    const destroys = isFirst && !client.pupBrowser ? this.#destroys : undefined;
    // `client.on("disconnected", () => client.initialize())` starts while whatsapp-web.js is about to close the browser.
    await Promise.race([previous, delay(CLOSE_WAIT_MS, undefined, { ref: false })]);
    await inTurn(async () => {
      if (destroys !== undefined && destroys !== this.#destroys) throw destroyedMeanwhile(what);
      // A running browser has its profile, as at a second initialize().
      if (!client.pupBrowser?.isConnected()) await begin();
    });
  }

  /**
   * For `afterBrowserInitialized`.
   * @param isWanted whether a start is under way: else the browser is closed
   * @returns the browser, if it is a new one
   * @throws `CANCELLED` when it is a new one and the client was destroyed meanwhile
   */
  async started(what: string, isWanted: boolean): Promise<BrowserLike | undefined> {
    const { pupBrowser } = this.#client();
    // After a logout in the page it is the browser of before, or what is left of it; nobody catches an error there.
    if (!pupBrowser || pupBrowser === this.#browser) return undefined;
    if (!isWanted) {
      await closeQuietly(pupBrowser);
      throw destroyedMeanwhile(what);
    }
    this.#browser = pupBrowser;
    return pupBrowser;
  }

  /** For `logout`. @returns whether the page goes on in the same browser: then the next hooks are for that one */
  loggedOut(): boolean {
    const goesOn = this.#client().pupBrowser?.isConnected() ?? false;
    if (goesOn) this.#continuing += 1;
    return goesOn;
  }

  /** For `destroy`. */
  destroyed(): void {
    this.#destroys += 1;
  }
}
