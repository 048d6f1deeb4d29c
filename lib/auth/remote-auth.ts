import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Mutex } from "../async/mutex.ts";
import { checkLaunchable } from "../browser/launch-options.ts";
import { closeQuietly, destroyedMeanwhile } from "../browser/profile-launch.ts";
import { checkNoBrowser } from "../browser/singleton-lock.ts";
import { VaultError } from "../errors.ts";
import { discardReplaced } from "../profile/swap.ts";
import { isProfileStore, type SaveReport, type SessionStore } from "../store.ts";
import { BaseAuth, type BrowserLike, type PublicClient } from "./base-auth.ts";
import { removeDeleted, removeLeftovers, removeProfile } from "./local/remove-profile.ts";
import { checkOptions, type RemoteAuthOptions, type RemoteAuthSettings } from "./remote-auth-options.ts";
import { RemoteRun } from "./remote-run.ts";
import { sessionNameOf } from "./session-name.ts";
import { ProfileLink } from "./store/profile-session.ts";
import type { StoreLink } from "./store/store-session.ts";
import { ZipLink } from "./store/zip-session.ts";

export type { RemoteAuthOptions } from "./remote-auth-options.ts";

/** How long a start waits for the run before it to end. */
const CLOSE_WAIT_MS = 60_000;

/**
 * Keeps the session of a whatsapp-web.js client in a store, so that it survives its machine.
 *
 * Emits on the client: `remote_session_saved` (every save, with its {@link SaveReport}), `remote_session_restored`
 * (with the `RestoreReport`), `remote_session_error` (with the error of whatever went wrong in the background),
 * `remote_session_lost` (somebody else has taken the session; the client is destroyed), `remote_session_deleted`.
 *
 * @throws Error with whatsapp-web.js's own texts for a bad `clientId`, `backupSyncIntervalMs` or a missing `store`;
 *   `INVALID` for the other options.
 */
export class RemoteAuth extends BaseAuth {
  readonly clientId: string | undefined;
  readonly dataPath: string;
  readonly store: SessionStore;
  readonly backupSyncIntervalMs: number;
  readonly rmMaxRetries: number;
  readonly sessionName: string;
  /** The local profile. */
  readonly userDataDir: string;
  readonly #settings: RemoteAuthSettings;
  #run: RemoteRun | undefined;
  /** The browser that was opened last. */
  #browser: BrowserLike | undefined;
  #lastState: string | undefined;
  /** How often the page has logged out and is about to go on in the same browser, by the next hooks. */
  #goingOn = 0;
  #destroys = 0;
  /** Hooks run one after the other, whatever order they are called in. */
  readonly #hooks: Mutex = new Mutex();

  constructor(options: RemoteAuthOptions) {
    super();
    const settings = checkOptions(options);
    this.#settings = settings;
    this.clientId = settings.clientId;
    this.store = settings.store;
    this.backupSyncIntervalMs = settings.intervalMs;
    this.dataPath = settings.dataPath;
    this.rmMaxRetries = settings.rmMaxRetries;
    this.sessionName = sessionNameOf("RemoteAuth", settings.clientId);
    this.userDataDir = join(this.dataPath, this.sessionName);
  }

  override setup(client: PublicClient): void {
    super.setup(client);
    client.on("change_state", (state: unknown) => {
      this.#lastState = String(state);
      if (isUnpaired(this.#lastState)) this.#run?.unlink();
    });
  }

  /**
   * Puts the profile in place that the browser is to open.
   * @throws `UNAVAILABLE`, `CORRUPT`: nothing was changed on disk, no browser is started, no QR is shown.
   */
  override async beforeBrowserInitialized(): Promise<void> {
    const { client } = this;
    checkLaunchable(client.options.puppeteer, "RemoteAuth", this.userDataDir);
    if (this.#goingOn > 0) {
      // In that browser, or it was closed meanwhile: either way there is nothing to choose.
      this.#goingOn -= 1;
      return;
    }
    // Before the first browser a destroy() can mean nothing but this start; later it may be that of the browser before.
    const destroys = this.#run === undefined && !client.pupBrowser ? this.#destroys : undefined;
    await this.#previousRun();
    await this.#hooks.run(async () => {
      if (destroys !== undefined && destroys !== this.#destroys)
        throw destroyedMeanwhile(`Session ${this.sessionName}`);
      // Nothing is restored under a running browser, as at a second initialize().
      if (client.pupBrowser?.isConnected()) return;
      await this.#begin();
    });
  }

  /**
   * `client.on("disconnected", () => client.initialize())` starts the client anew while whatsapp-web.js is about to
   * close the browser of the run before: that one is waited for, and has its last save.
   */
  async #previousRun(): Promise<void> {
    if (this.#run === undefined || !this.client.pupBrowser?.isConnected()) return;
    await Promise.race([this.#run.ended, delay(CLOSE_WAIT_MS, undefined, { ref: false })]);
  }

  async #begin(): Promise<void> {
    // Its browser may be just starting, which no hook tells: then this start is one too many, and that run goes on.
    if (this.#run?.ending === false) await checkNoBrowser(this.userDataDir);
    await this.#run?.end();
    await removeLeftovers(this.userDataDir);
    await removeDeleted(this.userDataDir, this.#settings.retainDeletedMs);
    this.#lastState = undefined;
    const run = new RemoteRun({
      ...this.#settings,
      client: this.client,
      link: this.#link(),
      session: this.sessionName,
      dir: this.userDataDir,
    });
    this.#run = run;
    try {
      await run.begin();
    } catch (error) {
      await run.end();
      this.#run = undefined;
      throw error;
    }
  }

  override async afterBrowserInitialized(): Promise<void> {
    const { pupBrowser } = this.client;
    // After a logout in the page it is the browser of before, or what is left of it; nobody catches an error there.
    if (!pupBrowser || pupBrowser === this.#browser) return;
    if (this.#run === undefined || this.#run.ending) {
      await closeQuietly(pupBrowser);
      throw destroyedMeanwhile(`Session ${this.sessionName}`);
    }
    this.#browser = pupBrowser;
    await this.#run.browserStarted(pupBrowser);
  }

  override async onAuthenticationNeeded(): Promise<{
    failed: boolean;
    restart: boolean;
    failureEventPayload: undefined;
  }> {
    await this.#run?.authenticationNeeded();
    return { failed: false, restart: false, failureEventPayload: undefined };
  }

  /** Called at every READY, not awaited: never rejects. */
  override async afterAuthReady(): Promise<void> {
    const run = this.#run;
    run?.link();
    await this.#hooks
      .run(async () => {
        if (run === undefined || run !== this.#run || run.ending) return;
        run.ready();
        await discardReplaced(this.userDataDir);
      })
      .catch((error) => run?.report(error));
  }

  /** Called when the connection is gone for good (a conflict, a block …): the session is kept. Never rejects. */
  override async disconnect(): Promise<void> {
    const run = this.#run;
    // Only a device that was linked and is no longer has lost its session; an idle QR page is unpaired as well.
    const unpaired = isUnpaired(this.#lastState) && run?.wasReady === true;
    run?.unlink();
    await this.#hooks
      .run(async () => {
        await run?.stopBackups();
        if (unpaired) await this.#deleteStored(run);
      })
      .catch((error) => run?.report(error));
  }

  /** Saves a last time when the session is linked, and gives it back. Never rejects. */
  override async destroy(): Promise<void> {
    const interrupted = this.#run;
    this.#destroys += 1;
    interrupted?.interrupt();
    await this.#hooks
      .run(async () => {
        const run = this.#run;
        if (run === undefined) return;
        this.#run = undefined;
        await run.finish();
        if (run.deleted) await removeProfile(this.userDataDir, this.rmMaxRetries);
      })
      .catch((error) => interrupted?.report(error));
  }

  /**
   * Deletes the session, softly where the store can. May be called with the browser still open, and twice.
   * @throws the store's error when it could not be deleted and the browser is closed (`client.logout()`); with the
   *   browser open, where nobody catches it, the error is emitted as `remote_session_error`.
   */
  override async logout(): Promise<void> {
    const run = this.#run;
    const browserOpen = this.client.pupBrowser?.isConnected() ?? false;
    if (browserOpen) this.#goingOn += 1;
    run?.unlink();
    try {
      await this.#hooks.run(async () => {
        await run?.stopBackups();
        try {
          await this.#deleteStored(run);
        } finally {
          if (browserOpen) {
            // The page has logged out and emptied its storage; removing the files under it would lose the next link.
            await run?.forget();
          } else {
            await run?.end();
            if (this.#run === run) this.#run = undefined;
            await removeProfile(this.userDataDir, this.rmMaxRetries);
          }
        }
      });
    } catch (error) {
      if (!browserOpen) throw error;
      run?.report(error);
    }
  }

  /**
   * Saves now.
   * @throws `INVALID` when the session is not linked; else what the capture or the store threw.
   */
  async backup(): Promise<SaveReport> {
    if (this.#run !== undefined) return await this.#run.backup();
    throw new VaultError("INVALID", `Session ${this.sessionName} cannot be saved: the client is not running.`, {
      hint: "Call client.initialize() and wait for `ready`.",
    });
  }

  /** The same as {@link backup}, under the name whatsapp-web.js gave it. */
  async storeRemoteSession(): Promise<SaveReport> {
    return await this.backup();
  }

  async #deleteStored(run: RemoteRun | undefined): Promise<void> {
    if (run?.deleted) return;
    const link = run?.storeLink ?? this.#link();
    await link.delete(this.#settings.retainDeletedMs);
    run?.markDeleted();
  }

  #link(): StoreLink {
    const { store } = this;
    if (!this.#settings.zip && isProfileStore(store)) return new ProfileLink(store, this.sessionName);
    return new ZipLink(store, this.sessionName, this.dataPath, !isProfileStore(store));
  }
}

function isUnpaired(state: string | undefined): boolean {
  return state === "UNPAIRED" || state === "UNPAIRED_IDLE";
}
