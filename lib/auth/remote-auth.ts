import { join } from "node:path";
import { Mutex } from "../async/mutex.ts";
import type { PublicClient } from "../browser/client.ts";
import { checkLaunchable } from "../browser/launch-options.ts";
import { checkNoBrowser } from "../browser/singleton-lock.ts";
import { kindOf, tellUntold } from "../diagnostics/observe.ts";
import { VaultError } from "../errors.ts";
import { discardReplaced } from "../profile/swap.ts";
import type { SaveReport, SessionStore } from "../store.ts";
import { type AuthenticationAnswer, BaseAuth } from "./base-auth.ts";
import { emitEvent } from "./client-events.ts";
import { alreadyOpen, HookGuards } from "./hook-guards.ts";
import type { UnrecordedRefusal } from "./local/opened-profile.ts";
import { removeDeleted, removeLeftovers, removeProfile, removeUnused } from "./local/remove-profile.ts";
import { OneClient } from "./one-client.ts";
import { checkOptions, type RemoteAuthOptions, type RemoteAuthSettings } from "./remote-auth-options.ts";
import { RemoteRun } from "./remote-run.ts";
import { restartFailed } from "./run-errors.ts";
import { sessionOfStore } from "./store/session-of-store.ts";
import type { StoredVersion, StoreSession } from "./store/store-session.ts";
import { sessionNameOf } from "./strategy-options.ts";
import { WatchedStarts } from "./watched-starts.ts";

export type { RemoteAuthOptions } from "./remote-auth-options.ts";

/**
 * Keeps the session of a whatsapp-web.js client in a store, so that the session survives the loss of its machine.
 *
 * Emits on the client: `remote_session_saved` (every save, with its {@link SaveReport}), `remote_session_restored`
 * (with the `RestoreReport`), `remote_session_error` (with the error of a failure in the background),
 * `remote_session_interrupted` (the browser died; the hint of the error names the next steps),
 * `remote_session_lost` (another process has taken the session over; the client is destroyed),
 * `remote_session_deleted`.
 *
 * @throws Error with whatsapp-web.js's own texts for a bad `clientId`, `backupSyncIntervalMs` or a missing `store`;
 *   `INVALID` for the other options.
 */
export class RemoteAuth extends BaseAuth {
  /** The option, as text; `undefined` when none was given. */
  readonly clientId: string | undefined;
  /** Absolute path of the folder of the local profiles. */
  readonly dataPath: string;
  /** The option. */
  readonly store: SessionStore;
  /** The option: milliseconds between two saves. */
  readonly backupSyncIntervalMs: number;
  /** The option: how often the removal of a local profile is tried again. */
  readonly rmMaxRetries: number;
  /** Name of the session in the store: `RemoteAuth`, or `RemoteAuth-<clientId>`. */
  readonly sessionName: string;
  /** Path of the local profile. */
  readonly userDataDir: string;
  readonly #settings: RemoteAuthSettings;
  readonly #use: OneClient = new OneClient(this, "RemoteAuth");
  #run: RemoteRun | undefined;
  /** The run whose browser whatsapp-web.js is about to close. */
  #closing: RemoteRun | undefined;
  #starts: WatchedStarts<RemoteRun> | undefined;
  /** Whether the page has said last that it is linked to no phone. */
  #isUnpaired = false;
  /** What WhatsApp has refused and neither the local profile nor the store says yet. */
  readonly #refused: UnrecordedRefusal = {};
  readonly #unrecorded = new Map<string, StoredVersion>();
  /** Whether a start has chosen a profile: what a later one finds absent, this process has deleted. */
  #hasStarted = false;
  readonly #guards: HookGuards;
  /** Runs the hooks one at a time, in the order of their calls. */
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
    this.#guards = new HookGuards(
      () => this.client,
      () => `Session ${this.sessionName}`,
    );
  }

  /** @throws `INVALID` when another client uses this strategy */
  override setup(client: PublicClient): void {
    const isOther = this.#use.setUp(client, this.#run?.hasEnded === true);
    super.setup(client);
    if (isOther) this.#forgetClient();
    client.on("change_state", (state: unknown) => {
      if (this.client !== client) return;
      this.#isUnpaired = state === "UNPAIRED" || state === "UNPAIRED_IDLE";
      if (this.#isUnpaired) this.#run?.unlink();
    });
    if (this.#starts?.watches(this.client)) return;
    this.#starts = new WatchedStarts(this.client, {
      onFailed: (run, failure, error) => this.#inTurn(run, () => run.startFailed(failure, error)),
      onRestartFailed: (error) => this.#restartFailed(restartFailed(this.sessionName, error)),
      beforeDestroy: () => this.#run?.writeStorage(),
    });
  }

  #forgetClient(): void {
    this.#starts?.retire("RemoteAuth");
    this.#guards.clientChanged();
    this.#isUnpaired = false;
    this.#run = undefined;
  }

  /**
   * Chooses the profile that the browser is to open, and puts it in place.
   * @throws `UNAVAILABLE`, `CORRUPT`, `CANCELLED`: the profile on disk is unchanged, no browser is started, no QR is
   *   shown.
   */
  override async beforeBrowserInitialized(): Promise<void> {
    const { client } = this;
    checkLaunchable(client.options.puppeteer, "RemoteAuth", this.userDataDir);
    this.#use.started();
    try {
      const endFailed = this.#endOfFailed();
      if (endFailed !== undefined) await endFailed();
      const run = this.#run;
      const isClosing = run?.isEnding === true || this.#closing === run || this.#starts?.isDestroying === true;
      await this.#guards.start(
        {
          isFirst: run === undefined,
          // The last save of the run before comes first.
          previous: client.pupBrowser?.isConnected() && isClosing ? run?.ended : undefined,
          isLaunching: this.#starts?.isStarting === true,
        },
        () => this.#begin(),
        (step) => this.#hooks.run(step),
      );
    } catch (error) {
      this.#tellStart(error);
      if (this.#run === undefined) this.#use.ended(client);
      throw error;
    }
  }

  /** The end of a start that has failed and has left its browser, unless its page was ready all the same. */
  #endOfFailed(): (() => Promise<void>) | undefined {
    const run = this.#run;
    if (run === undefined || run.isEnding || run.wasReady) return undefined;
    const before = this.#starts?.triedBefore(run);
    return before !== undefined || run.hasFailed ? () => run.endFailed(before?.children) : undefined;
  }

  async #begin(): Promise<void> {
    const starts = this.#starts;
    let checkDestroys = this.#guards.watchDestroys();
    if (this.#run !== undefined) {
      // The run before continues, and this start fails. Without a call of initialize() no hook tells of a browser that is
      // just starting, only its lock.
      if (starts?.isBeingStarted(this.#run) && !starts.triedBefore(this.#run))
        throw alreadyOpen(`Session ${this.sessionName}`);
      if (!this.#run.isEnding) await checkNoBrowser(this.userDataDir);
      await this.#run.end();
      // Until here a destroy() may have meant that run.
      checkDestroys = this.#guards.watchDestroys();
    }
    await removeLeftovers(this.userDataDir);
    await removeDeleted(this.userDataDir, this.#settings.retainDeletedMs);
    checkDestroys();
    this.#isUnpaired = false;
    const run = new RemoteRun({
      ...this.#settings,
      client: this.client,
      store: this.#storeSession(),
      session: this.sessionName,
      storeKind: kindOf(this.store),
      dir: this.userDataDir,
      refused: this.#refused,
      tellsAbsence: !this.#hasStarted,
      destroy: () => this.destroy(),
      isBeingStarted: (begun) => starts?.isBeingStarted(begun) === true,
      removeProfile: () => removeProfile(this.userDataDir, this.rmMaxRetries),
    });
    this.#run = run;
    starts?.begins(run);
    try {
      await run.begin();
      this.#hasStarted = true;
    } catch (error) {
      await run.end();
      this.#run = undefined;
      throw error;
    }
  }

  override async afterBrowserInitialized(): Promise<void> {
    const run = this.#run;
    const browser = await this.#guards.started(run?.isEnding === false);
    if (browser !== undefined) await run?.browserStarted(browser);
  }

  /** Called when the page asks for a link: the client starts again with an older profile, as long as there is one. */
  override async onAuthenticationNeeded(): Promise<AuthenticationAnswer> {
    const answer = await this.#run?.authenticationNeeded();
    if (answer?.restart) this.#starts?.restarts();
    return answer ?? (await super.onAuthenticationNeeded());
  }

  /** Called at every READY, not awaited: never rejects. */
  override async afterAuthReady(): Promise<void> {
    const run = this.#run;
    this.#starts?.restarted();
    run?.link();
    await this.#inTurn(run, async () => {
      if (run === undefined || run !== this.#run || run.isEnding) return;
      run.ready();
      await discardReplaced(this.userDataDir);
    });
  }

  /** Called when the connection has ended for good (a conflict, a block …): the session is kept. Never rejects. */
  override async disconnect(): Promise<void> {
    const run = this.#run;
    // Only a device that was linked before has lost its session by UNPAIRED; an idle QR page is unpaired as well.
    const unpaired = this.#isUnpaired && run?.wasReady === true;
    this.#starts?.restarted();
    this.#closing = run;
    run?.unlink();
    await this.#inTurn(run, async () => {
      await run?.stopBackups();
      if (unpaired) await this.#deleteStored(run);
    });
  }

  /** Saves a last time when the session is linked, and releases the lease. Never rejects. */
  override async destroy(): Promise<void> {
    const { client } = this.#use;
    const interrupted = this.#run;
    this.#guards.destroyed();
    this.#starts?.destroyed();
    interrupted?.interrupt();
    await this.#inTurn(interrupted, async () => {
      const run = this.#run;
      this.#run = undefined;
      await run?.finish();
      this.#use.ended(client);
    });
  }

  /**
   * Deletes the session, softly if the store supports it. May be called with the browser still open, and twice. A page that
   * logs out before READY deletes nothing: it is asked for its link next, and has refused the session like any other.
   * @throws the store's error when the deletion failed and the browser is closed (`client.logout()`); with the browser
   *   open, where whatsapp-web.js catches no error, the error is emitted as `remote_session_error`.
   */
  override async logout(): Promise<void> {
    const { client } = this.#use;
    const run = this.#run;
    const browserOpen = this.#guards.loggedOut();
    run?.unlink();
    if (!browserOpen) run?.browserClosed();
    const isRefusal = browserOpen && run?.wasReady === false;
    try {
      await this.#hooks.run(async () => {
        await run?.stopBackups();
        if (isRefusal) return;
        try {
          await this.#deleteStored(run);
        } finally {
          if (browserOpen) {
            // The page has emptied its storage and continues in it: removing its files would lose the next link.
            await run?.forget();
          } else {
            await run?.end({ removesProfile: () => true });
            if (this.#run === run) this.#run = undefined;
            if (run === undefined) await removeUnused(this.userDataDir, this.rmMaxRetries);
            this.#use.ended(client);
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
   * @throws `INVALID` when the session is not linked; the errors of the capture and of the store.
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

  /** Runs a step of a hook when all earlier hooks have ended. Never rejects: `run` reports the error of the step. */
  async #inTurn(run: RemoteRun | undefined, step: () => Promise<void>): Promise<void> {
    await this.#hooks.run(step).catch((error) => run?.report(error));
  }

  /** A bot that listens to no event would not know that it has no client any more. */
  #restartFailed(error: VaultError): void {
    this.#tellStart(error);
    emitEvent(this.client, "remote_session_error", error);
    this.#settings.onWarning(`${error.message} The client of ${this.sessionName} is not running. ${error.hint ?? ""}`);
  }

  #tellStart(error: unknown): void {
    tellUntold("start", { session: this.sessionName, store: kindOf(this.store) }, error);
  }

  async #deleteStored(run: RemoteRun | undefined): Promise<void> {
    if (run?.deleted) return;
    const stored = run?.store ?? this.#storeSession();
    await stored.delete(this.#settings.retainDeletedMs);
    run?.markDeleted();
  }

  #storeSession(): StoreSession {
    const { dataPath, sessionName: session } = this;
    return sessionOfStore(this.store, { ...this.#settings, session, dataPath, unrecorded: this.#unrecorded });
  }
}
