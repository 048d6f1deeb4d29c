import { diskError, isDiskError } from "../disk/errors.ts";
import { VaultError } from "../errors.ts";
import type { ProfileFacts } from "../store.ts";
import type { BrowserLike, ClientLike } from "./client.ts";
import { checkLaunched, downgradeWarning, launchOptions } from "./launch-options.ts";
import { endOrphanedBrowser, recordBrowser } from "./pidfile.ts";
import { lockProfile, type ProfileLock } from "./profile-lock.ts";
import { onSignals, usersOwnSignals } from "./signals.ts";

/** What one launch needs to know. */
export interface ProfileLaunchOptions {
  readonly client: ClientLike;
  /** The profile. */
  readonly dir: string;
  readonly closeOnSignals: boolean;
  /** Told what a person should know. */
  readonly onWarning: (message: string) => void;
}

/** Opens a profile in a browser: from the lock of the profile to the check of the browser that was started. */
export class ProfileLaunch {
  readonly #options: ProfileLaunchOptions;
  #lock: ProfileLock | undefined;
  #offSignals: (() => void) | undefined;
  /** Version of the browser that wrote the profile. */
  #writtenBy: string | undefined;
  #choosing = false;
  #ended = false;

  constructor(options: ProfileLaunchOptions) {
    this.#options = options;
  }

  /**
   * Makes puppeteer open the profile that `choose` puts in place, and no other start choose meanwhile.
   * @throws what `choose` throws; `LEASE_HELD`; `UNAVAILABLE` or `DENIED` when the disk refuses; `CANCELLED` when it
   *   was ended meanwhile. Nothing is left of it then.
   */
  async prepare(choose: (lock: ProfileLock) => Promise<ProfileFacts>): Promise<void> {
    const { dir } = this.#options;
    this.#choosing = true;
    try {
      const lock = await lockProfile(dir);
      this.#lock = lock;
      await endOrphanedBrowser(dir);
      const profile = await choose(lock);
      this.#writtenBy = profile.browserVersion;
      await recordBrowser(dir);
      if (this.#ended) throw destroyedMeanwhile(dir);
      this.#setOptions(profile);
      lock.chosen();
    } catch (cause) {
      await this.#lock?.release();
      throw isDiskError(cause) ? diskError(`open the profile ${dir}`, cause) : cause;
    } finally {
      this.#choosing = false;
    }
  }

  #setOptions(profile: ProfileFacts): void {
    const { client, dir, closeOnSignals } = this.#options;
    // Of a page that was closed before it navigated: else the next navigation counts as its logout.
    client.lastLoggedOut = false;
    const handleSignals = closeOnSignals && !usersOwnSignals(client.options.puppeteer);
    client.options.puppeteer = launchOptions(client.options.puppeteer, { userDataDir: dir, profile, handleSignals });
    if (handleSignals) this.#offSignals = onSignals(() => client.destroy());
  }

  /**
   * Checks how the browser was started, before it opens a page.
   * @throws `INVALID` when it would wipe the profile; it is closed then
   */
  async started(browser: BrowserLike): Promise<void> {
    const { client, dir, onWarning } = this.#options;
    await this.#lock?.release();
    try {
      checkLaunched(browser, client.options.puppeteer);
    } catch (error) {
      await closeQuietly(browser);
      throw error;
    }
    const { pid } = browser.process?.() ?? {};
    // Without its number the browser is still found by its lock.
    if (pid !== undefined) await recordBrowser(dir, pid).catch((error) => onWarning(String(error)));
    const warning = downgradeWarning(this.#writtenBy, await browser.version().catch(() => ""));
    if (warning !== undefined) onWarning(warning);
  }

  /** Releases the signal handlers and the lock. Never rejects; twice is fine. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#offSignals?.();
    this.#offSignals = undefined;
    // While `prepare` runs, it releases the lock itself.
    if (!this.#choosing) await this.#lock?.release();
  }
}

/** The client was destroyed before its browser was there. */
export function destroyedMeanwhile(what: string): VaultError {
  return new VaultError("CANCELLED", `${what} was not opened: the client was destroyed meanwhile.`, {
    hint: "Wait for client.destroy() before client.initialize().",
  });
}

/** Closes a browser that must not go on. Never rejects. */
export async function closeQuietly(browser: BrowserLike | null | undefined): Promise<void> {
  await browser?.close?.().catch(() => undefined);
}
