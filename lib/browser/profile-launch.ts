import type { ChildProcess } from "node:child_process";
import { waitAtMost } from "../async/deadline.ts";
import { asDiskError } from "../disk/errors.ts";
import { VaultError } from "../errors.ts";
import type { ProfileFacts } from "../store.ts";
import { isRunning, processesExit } from "./browser-watch.ts";
import type { BrowserLike, ClientLike } from "./client.ts";
import { endBrowser, endBrowsers, killBrowser } from "./end-browser.ts";
import { checkLaunched, downgradeWarning, launchOptions } from "./launch-options.ts";
import { endOrphanedBrowser } from "./orphaned-browser.ts";
import { recordBrowser } from "./pidfile.ts";
import { lockProfile, type ProfileLock } from "./profile-lock.ts";
import { onSignals, usersOwnSignals } from "./signals.ts";
import { noBrowserWarning, snapWarning } from "./snap.ts";

export interface ProfileLaunchOptions {
  readonly client: ClientLike;
  /** Path of the profile. */
  readonly dir: string;
  readonly closeOnSignals: boolean;
  /** Called with warnings for a person. */
  readonly onWarning: (message: string) => void;
  /** The strategy's `destroy`, for a client that throws before it calls it. */
  readonly destroy: () => Promise<void>;
}

/** What a launch asks and tells its strategy. */
export interface LaunchListeners {
  /** Whether the call of `client.initialize()` that has begun this launch is under way: it ends with a hook or `giveUp`. */
  readonly isBeingStarted: () => boolean;
  /** Another process has taken the profile, and the browser was ended. Must not throw. */
  readonly onLost: (lost: VaultError) => void;
}

/** How long the end of a launch waits for the processes of a browser that is closed, in milliseconds. */
const EXIT_WAIT_MS = 3_000;
/** How long the browser of a start that has failed may take to close, in milliseconds. */
const CLOSE_MS = 5_000;

/** Opens a profile in a browser, and keeps the profile locked from its choice until the processes of the browser have ended. */
export class ProfileLaunch {
  readonly #options: ProfileLaunchOptions;
  readonly #listeners: LaunchListeners;
  /** Set when the profile is chosen: until then `prepare` releases the lock itself. */
  #lock: ProfileLock | undefined;
  #browser: BrowserLike | undefined;
  readonly #ending = new AbortController();
  #preparing: Promise<unknown> | undefined;
  #waited: Promise<void> | undefined;
  #released: Promise<void> | undefined;
  #offSignals: (() => void) | undefined;
  /** Version of the browser that wrote the profile. */
  #writtenBy: string | undefined;
  /** Whether puppeteer may have launched a browser of which no hook has told. */
  #isLaunching = false;

  constructor(options: ProfileLaunchOptions, listeners: LaunchListeners) {
    this.#options = options;
    this.#listeners = listeners;
  }

  /**
   * Makes puppeteer open the profile that `choose` puts in place. No other start can open it from then on.
   * @param signal ends the wait for the lock
   * @throws the errors of `choose`; `LEASE_HELD`; `UNAVAILABLE` or `DENIED` when the disk refuses; `CANCELLED` when the
   *   launch was ended meanwhile; the reason of the signal. The lock is released then.
   */
  async prepare(choose: (lock: ProfileLock) => Promise<ProfileFacts>, signal?: AbortSignal): Promise<void> {
    const preparing = this.#prepare(choose, signal);
    this.#preparing = preparing.catch(() => undefined);
    await preparing;
  }

  async #prepare(choose: (lock: ProfileLock) => Promise<ProfileFacts>, given?: AbortSignal): Promise<void> {
    const { dir, onWarning } = this.#options;
    const signal = given === undefined ? this.#ending.signal : AbortSignal.any([given, this.#ending.signal]);
    let lock: ProfileLock | undefined;
    // From here on: a start that waits or restores may hold a lease.
    this.#listenToSignals();
    try {
      lock = await lockProfile(dir, { signal, onWarning });
      // One look is enough: nobody has used a file of the profile.
      await endOrphanedBrowser(dir, { signal, ...(lock.hasLooked ? { lockMs: 0 } : {}) });
      const profile = await choose(lock);
      this.#writtenBy = profile.browserVersion;
      await lock.check();
      await recordBrowser(dir, { claim: lock.id });
      await lock.check();
      this.#ending.signal.throwIfAborted();
      this.#setOptions(profile);
      lock.opened();
      lock.lost.addEventListener("abort", () => void this.#lose(), { once: true });
      this.#lock = lock;
      if (lock.lost.aborted) throw lock.lost.reason;
    } catch (cause) {
      this.#stopListening();
      this.#lock = undefined;
      await lock?.release();
      throw asDiskError(`open the profile ${dir}`, cause);
    }
  }

  #listenToSignals(): void {
    const { client, destroy } = this.#options;
    // whatsapp-web.js 1.34.4 throws before its browser is started, and every version when it cannot close it.
    if (this.#handlesSignals) this.#offSignals = onSignals(() => client.destroy().catch(destroy));
  }

  #stopListening(): void {
    this.#offSignals?.();
    this.#offSignals = undefined;
  }

  get #handlesSignals(): boolean {
    const { client, closeOnSignals } = this.#options;
    return closeOnSignals && !usersOwnSignals(client.options.puppeteer);
  }

  #setOptions(profile: ProfileFacts): void {
    const { client, dir, onWarning } = this.#options;
    const warning = snapWarning(client.options.puppeteer, dir);
    if (warning !== undefined) onWarning(warning);
    // A page that was closed before it navigated leaves this set, and the next navigation would count as a logout.
    client.lastLoggedOut = false;
    this.#isLaunching = true;
    const handleSignals = this.#handlesSignals;
    client.options.puppeteer = launchOptions(client.options.puppeteer, { userDataDir: dir, profile, handleSignals });
  }

  /**
   * Checks the arguments of the browser before it opens a page.
   * @throws `INVALID` when the browser would wipe the profile; the browser is closed then
   */
  async started(browser: BrowserLike): Promise<void> {
    const { client, dir, onWarning } = this.#options;
    this.#isLaunching = false;
    this.#browser = browser;
    if (this.#lock?.lost.aborted) {
      await this.#kill();
      throw this.#lock.lost.reason;
    }
    try {
      checkLaunched(browser, client.options.puppeteer);
    } catch (error) {
      await closeQuietly(browser);
      throw error;
    }
    const { pid: browserPid } = browser.process?.() ?? {};
    const claim = this.#lock?.id;
    // If the record fails, a later start still finds the browser by its command line.
    if (browserPid !== undefined && claim !== undefined) {
      await recordBrowser(dir, { browserPid, claim }).catch((error) => onWarning(String(error)));
    }
    const warning = downgradeWarning(this.#writtenBy, await browser.version().catch(() => ""));
    if (warning !== undefined) onWarning(warning);
  }

  /**
   * whatsapp-web.js has given up the start. If it did so before its second hook, nobody closes the browser: ends that
   * browser, and the launch. Does nothing once `started` was called. Never rejects.
   * @param children the processes that the start has started
   * @param error of the start
   */
  async giveUp(children: readonly ChildProcess[], error?: unknown): Promise<void> {
    if (!this.#isLaunching) return;
    this.#isLaunching = false;
    const { dir, client, onWarning } = this.#options;
    await endBrowsers(children, dir);
    const warning = await noBrowserWarning(error, dir, client.options.puppeteer);
    if (warning !== undefined) onWarning(warning);
    await this.end();
  }

  /**
   * Ends the browser of a start that has failed, and the launch. Never rejects.
   * @param children the processes that the start has started
   */
  async endFailed(children: readonly ChildProcess[] = []): Promise<void> {
    await this.giveUp(children);
    const child = this.#child;
    // puppeteer closes a page first, and may wait for it.
    if (this.#browser !== undefined) await waitAtMost(CLOSE_MS, closeQuietly(this.#browser));
    if (child !== undefined && isRunning(child)) await endBrowser(child);
    await this.end();
  }

  /** Releases the signal handlers, and the lock as {@link release} does. Never rejects; may be called twice. */
  async end(last?: () => Promise<void>): Promise<void> {
    this.#stopListening();
    await this.release(last);
  }

  /**
   * Releases the lock once the processes of the browser have ended: this method waits for a browser that is closed, and a
   * browser that does not end keeps the lock. Never rejects; may be called twice.
   * @param last called before the lock is released. Must not reject
   */
  async release(last?: () => Promise<void>): Promise<void> {
    if (!this.#ending.signal.aborted) this.#ending.abort(destroyedMeanwhile(this.#options.dir));
    await this.#preparing;
    // puppeteer is launching a browser that no hook has told of: once it has ended, `giveUp` releases the lock.
    if (this.#isLaunching && this.#listeners.isBeingStarted()) return;
    const child = this.#child;
    if (child !== undefined && !this.#browser?.isConnected()) {
      this.#waited ??= processesExit(child, EXIT_WAIT_MS);
      await this.#waited;
    }
    await last?.();
    if (child !== undefined && isRunning(child)) this.#released ??= this.#releaseAfter(child);
    else await this.#lock?.release();
  }

  /** Whether a process of the browser runs. */
  get browserRuns(): boolean {
    const child = this.#child;
    return child !== undefined && isRunning(child);
  }

  /** Whether the launch has ended, or its browser has. */
  get isOver(): boolean {
    return this.#ending.signal.aborted || this.#browser?.isConnected() === false;
  }

  /** Keeps no process alive: the lock of a process that has ended is free, and its browser an orphan. */
  async #releaseAfter(child: ChildProcess): Promise<void> {
    await processesExit(child, Number.POSITIVE_INFINITY, { keepsAlive: false });
    await this.#lock?.release();
  }

  /** Another process has the profile: nothing may be written into it any more. */
  async #lose(): Promise<void> {
    const killed = this.#kill();
    if (!this.#ending.signal.aborted) this.#listeners.onLost(this.#lock?.lost.reason);
    await killed;
  }

  async #kill(): Promise<void> {
    const child = this.#child;
    if (child !== undefined) killBrowser(child);
    else await closeQuietly(this.#browser);
  }

  get #child(): ChildProcess | undefined {
    const child = this.#browser?.process?.();
    return child?.pid === undefined ? undefined : child;
  }
}

/** The client was destroyed before its browser had started. @param subject the session or the profile */
export function destroyedMeanwhile(subject: string): VaultError {
  return new VaultError("CANCELLED", `${subject} was not opened: the client was destroyed meanwhile.`, {
    hint: "Wait for client.destroy() before client.initialize().",
  });
}

/** Closes a browser that must not continue. Never rejects. */
export async function closeQuietly(browser: BrowserLike | null | undefined): Promise<void> {
  await browser?.close?.().catch(() => undefined);
}
