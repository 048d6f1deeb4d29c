import { waitAtMost } from "../async/deadline.ts";
import type { BrowserLike, ClientLike } from "../browser/client.ts";
import { closeQuietly, destroyedMeanwhile } from "../browser/profile-launch.ts";
import { VaultError } from "../errors.ts";

/** How long a start waits for the browser of the run before to close, in milliseconds. */
const CLOSE_WAIT_MS = 60_000;

interface GuardedStart {
  /** Whether the strategy has no browser, and is starting none. */
  readonly isFirst: boolean;
  /** Resolves when the browser of the run before is closed; `undefined` when none is about to close. */
  readonly previous: Promise<unknown> | undefined;
  /** Whether a call of `client.initialize()` is about to launch a browser, also when one runs. @default false */
  readonly isLaunching?: boolean;
}

/**
 * Decides which calls of whatsapp-web.js's hooks mean a new browser: whatsapp-web.js calls the hooks also when the page
 * has logged out and continues in the same browser, after a `destroy()`, and while another browser runs.
 */
export class HookGuards {
  readonly #client: () => ClientLike;
  readonly #subject: () => string;
  /** Logouts with the browser still open whose next `beforeBrowserInitialized` is to come. */
  #continuedLogouts = 0;
  /** Calls of `destroy()` so far. */
  #destroys = 0;
  /** The browser that was started last. */
  #browser: BrowserLike | undefined;

  /** @param subject the session or the profile, for errors */
  constructor(client: () => ClientLike, subject: () => string) {
    this.#client = client;
    this.#subject = subject;
  }

  /**
   * For `beforeBrowserInitialized`: calls `begin`, unless the page continues in a browser that runs.
   * @param inTurn runs `begin` when all earlier hooks have ended
   * @throws `CANCELLED` when the client was destroyed meanwhile; `LEASE_HELD` when a second browser would be launched
   *   beside the one that runs; the errors of `begin`
   */
  async start(
    { isFirst, previous, isLaunching = false }: GuardedStart,
    begin: () => Promise<void>,
    inTurn: (step: () => Promise<void>) => Promise<void> = (step) => step(),
  ): Promise<void> {
    const client = this.#client();
    if (this.#continuedLogouts > 0) {
      // The page continues in its browser, or the browser was closed meanwhile: either way there is nothing to open.
      this.#continuedLogouts -= 1;
      return;
    }
    // Without a run before a destroy() can only mean this start; else it may mean the browser of that run.
    const check = isFirst && !client.pupBrowser?.isConnected() ? this.watchDestroys() : undefined;
    // `client.on("disconnected", () => client.initialize())` starts while whatsapp-web.js is about to close the
    // browser.
    if (previous !== undefined) await waitAtMost(CLOSE_WAIT_MS, previous, { keepsAlive: false });
    await inTurn(async () => {
      check?.();
      if (!client.pupBrowser?.isConnected()) await begin();
      // Not every browser keeps a lock in its profile: a second one would open it beside the first.
      else if (isLaunching) throw alreadyOpen(this.#subject());
    });
  }

  /**
   * For `afterBrowserInitialized`.
   * @param isWanted whether a start is under way: else a new browser is closed
   * @returns the client's browser when it is new, else `undefined`
   * @throws `CANCELLED` when the browser is new and the client was destroyed meanwhile
   */
  async started(isWanted: boolean): Promise<BrowserLike | undefined> {
    const { pupBrowser } = this.#client();
    // After a logout in the page the browser is the old one, open or closed; whatsapp-web.js catches no error there.
    if (!pupBrowser || pupBrowser === this.#browser) return undefined;
    if (!isWanted) {
      await closeQuietly(pupBrowser);
      throw destroyedMeanwhile(this.#subject());
    }
    this.#browser = pupBrowser;
    return pupBrowser;
  }

  /**
   * For `logout`.
   * @returns whether the page continues in the same browser: then the next hooks are about that browser
   */
  loggedOut(): boolean {
    const continues = this.#client().pupBrowser?.isConnected() ?? false;
    if (continues) this.#continuedLogouts += 1;
    return continues;
  }

  /** @returns a function that throws `CANCELLED` when the client was destroyed since this call */
  watchDestroys(): () => void {
    const before = this.#destroys;
    return () => {
      if (before !== this.#destroys) throw destroyedMeanwhile(this.#subject());
    };
  }

  /** The strategy belongs to another client from now on. */
  clientChanged(): void {
    this.#continuedLogouts = 0;
    this.#browser = undefined;
  }

  /** For `destroy`. */
  destroyed(): void {
    this.#destroys += 1;
  }
}

/** The client has a browser, or is starting one. @param subject the session or the profile */
export function alreadyOpen(subject: string): VaultError {
  return new VaultError("LEASE_HELD", `${subject} is open in this client already, or is being opened by it.`, {
    hint: "Call client.initialize() once. Before another call, wait for client.destroy().",
  });
}
