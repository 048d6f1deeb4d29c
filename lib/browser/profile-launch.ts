import { diskError, isDiskError } from "../disk/errors.ts";
import { VaultError } from "../errors.ts";
import type { ProfileFacts } from "../store.ts";
import type { BrowserLike, ClientLike } from "./client.ts";
import { checkLaunched, downgradeWarning, launchOptions } from "./launch-options.ts";
import { endOrphanedBrowser, recordBrowser } from "./pidfile.ts";
import { claimProfile, type ProfileClaim } from "./profile-lock.ts";
import { onSignals, usersOwnSignals } from "./signals.ts";

/** What one launch needs to know. */
export interface ProfileLaunchOptions {
  readonly client: ClientLike;
  /** The profile. */
  readonly dir: string;
  readonly closeOnSignals: boolean;
}

/** How a browser comes to have a profile open: from the claim of the profile to the look at what was started. */
export class ProfileLaunch {
  readonly #options: ProfileLaunchOptions;
  #claim: ProfileClaim | undefined;
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
   * @throws what `choose` throws; `LEASE_HELD`; `UNAVAILABLE` or `DENIED` when the disk refuses, and `UNAVAILABLE` when
   *   it was ended meanwhile. Nothing is left of it then.
   */
  async prepare(choose: (claim: ProfileClaim) => Promise<ProfileFacts>): Promise<void> {
    const { dir } = this.#options;
    this.#choosing = true;
    try {
      const claim = await claimProfile(dir);
      this.#claim = claim;
      await endOrphanedBrowser(dir);
      const profile = await choose(claim);
      this.#writtenBy = profile.browserVersion;
      await recordBrowser(dir);
      if (this.#ended) throw destroyedMeanwhile(dir);
      this.#setOptions(profile);
      claim.settle();
    } catch (cause) {
      await this.#claim?.release();
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
   * Looks at how the browser was started, before it opens a page.
   * @throws `INVALID` when it would wipe the profile; it is closed then
   */
  async started(browser: BrowserLike): Promise<void> {
    const { client, dir } = this.#options;
    await this.#claim?.release();
    try {
      checkLaunched(browser, client.options.puppeteer);
    } catch (error) {
      await closeQuietly(browser);
      throw error;
    }
    const { pid } = browser.process?.() ?? {};
    // Without its number the browser is still found by its lock.
    if (pid !== undefined) await recordBrowser(dir, pid).catch((error) => warn(String(error)));
    const warning = downgradeWarning(this.#writtenBy, await browser.version().catch(() => ""));
    if (warning !== undefined) warn(warning);
  }

  /** Lets go of the signals and of the claim. Never rejects; twice is fine. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#offSignals?.();
    this.#offSignals = undefined;
    // Whoever still chooses keeps the claim until he notices.
    if (!this.#choosing) await this.#claim?.release();
  }
}

/** The client was destroyed before its browser was there. */
export function destroyedMeanwhile(what: string): VaultError {
  return new VaultError("UNAVAILABLE", `${what} was not opened: the client was destroyed meanwhile.`, {
    hint: "Wait for client.destroy() before client.initialize().",
  });
}

/** Closes a browser that must not go on. Never rejects. */
export async function closeQuietly(browser: BrowserLike | null | undefined): Promise<void> {
  await browser?.close?.().catch(() => undefined);
}

/** Tells a person; for what no event of the client is for. */
export function warn(message: string): void {
  process.emitWarning(message, "WaVaultWarning");
}
