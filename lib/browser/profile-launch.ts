import type { ChildProcess } from "node:child_process";
import { asDiskError } from "../disk/errors.ts";
import { VaultError } from "../errors.ts";
import type { ProfileFacts } from "../store.ts";
import type { BrowserLike, ClientLike } from "./client.ts";
import { endBrowsers } from "./end-browser.ts";
import { checkLaunched, downgradeWarning, launchOptions } from "./launch-options.ts";
import { endOrphanedBrowser, recordBrowser } from "./pidfile.ts";
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

/** Opens a profile in a browser: from the lock of the profile to the check of the browser that was started. */
export class ProfileLaunch {
  readonly #options: ProfileLaunchOptions;
  /** Set when the profile is chosen: until then `prepare` releases the lock itself. */
  #lock: ProfileLock | undefined;
  #offSignals: (() => void) | undefined;
  /** Version of the browser that wrote the profile. */
  #writtenBy: string | undefined;
  #ended = false;
  /** Whether puppeteer may have launched a browser of which no hook has told. */
  #isLaunching = false;

  constructor(options: ProfileLaunchOptions) {
    this.#options = options;
  }

  /**
   * Makes puppeteer open the profile that `choose` puts in place. No other start can choose at the same time.
   * @throws the errors of `choose`; `LEASE_HELD`; `UNAVAILABLE` or `DENIED` when the disk refuses; `CANCELLED` when the
   *   launch was ended meanwhile. The lock is released then.
   */
  async prepare(choose: (lock: ProfileLock) => Promise<ProfileFacts>): Promise<void> {
    const { dir } = this.#options;
    let lock: ProfileLock | undefined;
    // From here on: a start that waits or restores may hold a lease.
    this.#listenToSignals();
    try {
      lock = await lockProfile(dir);
      await endOrphanedBrowser(dir);
      const profile = await choose(lock);
      this.#writtenBy = profile.browserVersion;
      await recordBrowser(dir);
      if (this.#ended) throw destroyedMeanwhile(dir);
      this.#setOptions(profile);
      lock.chosen();
      this.#lock = lock;
    } catch (cause) {
      this.#stopListening();
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
    await this.#lock?.release();
    try {
      checkLaunched(browser, client.options.puppeteer);
    } catch (error) {
      await closeQuietly(browser);
      throw error;
    }
    const { pid } = browser.process?.() ?? {};
    // If the record fails, a later start still finds the browser by Chromium's own lock.
    if (pid !== undefined) await recordBrowser(dir, pid).catch((error) => onWarning(String(error)));
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

  /** Releases the signal handlers and the lock. Never rejects; may be called twice. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#stopListening();
    await this.#lock?.release();
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
