import { type Deferred, deferred } from "../async/deferred.ts";
import { BrowserWatch } from "../browser/browser-watch.ts";
import type { BrowserLike } from "../browser/client.ts";
import { ProfileLaunch, type ProfileLaunchOptions } from "../browser/profile-launch.ts";
import { tellUntold } from "../diagnostics/observe.ts";
import { isVaultError } from "../errors.ts";
import type { RestoreReport, SaveReport } from "../store.ts";
import type { AuthenticationAnswer } from "./base-auth.ts";
import { emitEvent, type RemoteSessionEvent } from "./client-events.ts";
import { FailedStart } from "./failed-start.ts";
import { writeLateStorage } from "./late-storage.ts";
import { chooseProfile } from "./local/choose-profile.ts";
import type { OpenOptions } from "./local/opened-profile.ts";
import { browserGone, clientDestroyed, leaseLost } from "./run-errors.ts";
import { RunPhase } from "./run-phase.ts";
import { ProfileSaver } from "./saving/profile-saver.ts";
import { SaveSchedule, type SaveScheduleOptions } from "./saving/save-schedule.ts";
import { SessionLink } from "./session-link.ts";
import type { StoreSession } from "./store/store-session.ts";
import type { StartFailure } from "./watched-starts.ts";

export interface RemoteRunOptions
  extends ProfileLaunchOptions,
    Pick<OpenOptions, "store" | "session" | "refused" | "tellsAbsence">,
    Pick<SaveScheduleOptions, "intervalMs" | "finalSaveTimeoutMs"> {
  /** Whether the call of `client.initialize()` that has begun the run is under way. */
  readonly isBeingStarted: (run: RemoteRun) => boolean;
  /** Kind of the store, in diagnostics events. */
  readonly storeKind: string;
  /** Removes the local profile. Must not reject. */
  readonly removeProfile: () => Promise<unknown>;
}

/** One run of a client: from the choice of its profile to the last save. Saves only while the session is linked. */
export class RemoteRun {
  readonly store: StoreSession;
  readonly #options: RemoteRunOptions;
  /** Aborts when the run ends, and stops every wait for the store or the disk. */
  readonly #ending = new AbortController();
  readonly #ended: Deferred = deferred();
  readonly #launch: ProfileLaunch;
  readonly #browser: BrowserWatch;
  readonly #saver: ProfileSaver;
  readonly #saves: SaveSchedule;
  readonly #phase: RunPhase = new RunPhase();
  readonly #link: SessionLink;
  /** Whether the stored session was deleted, and no other is linked since. */
  deleted = false;
  /** Whether the lease, the lock of the profile and the signal handlers are released. */
  hasEnded = false;
  #finished: Promise<void> | undefined;
  #written: Promise<void> | undefined;
  #startedBrowser: BrowserLike | undefined;
  #failed: FailedStart | undefined;

  constructor(options: RemoteRunOptions) {
    this.#options = options;
    this.store = options.store;
    const onError = (error: unknown): void => this.report(error);
    this.#launch = new ProfileLaunch(options, {
      isBeingStarted: () => options.isBeingStarted(this),
      onLost: (lost) => void this.#lose(lost),
    });
    this.#browser = new BrowserWatch(options.client, () => this.#browserGone());
    this.#saver = new ProfileSaver({
      ...options,
      linkedSince: () => (this.#phase.isLinked ? this.#link.readyAt : undefined),
      browserRuns: () => this.#browser.isRunning,
      wid: () => options.client.info?.wid?._serialized,
      onSaved: (report) => this.#emit("remote_session_saved", report),
      onError,
    });
    this.#saves = new SaveSchedule({
      ...options,
      saver: this.#saver,
      onError: (error) => this.#saveFailed(error),
    });
    this.#link = new SessionLink({
      ...options,
      saver: this.#saver,
      phase: this.#phase,
      stopBackups: () => this.stopBackups(),
      ending: this.#ending.signal,
      onError,
    });
    const { lost } = this.store;
    lost.addEventListener("abort", () => void this.#lose(lost.reason), { once: true });
  }

  /** Resolves when the lease, the lock of the profile and the signal handlers are released. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get wasReady(): boolean {
    return this.#link.readyAt !== undefined;
  }

  /** Whether the run has ended or is ending. */
  get isEnding(): boolean {
    return this.#phase.isEnding;
  }

  /** Chooses the profile and makes puppeteer open it. */
  async begin(): Promise<void> {
    const signal = AbortSignal.any([this.#ending.signal, this.store.lost]);
    let restored: RestoreReport | undefined;
    await this.#launch.prepare(async (lock) => {
      const opened = await chooseProfile({ ...this.#options, lock, signal });
      signal.throwIfAborted();
      this.#saver.start(opened);
      this.#link.opened(opened);
      restored = opened.restored;
      return opened.profile;
    }, signal);
    if (this.#phase.lost !== undefined) throw this.#phase.lost;
    this.#phase.opened();
    if (restored !== undefined) this.#emit("remote_session_restored", restored);
  }

  /**
   * Checks the arguments of the browser before it opens a page, and watches for its death.
   * @throws `INVALID` when the browser would wipe the profile
   */
  async browserStarted(browser: BrowserLike): Promise<void> {
    this.#startedBrowser = browser;
    this.#browser.begin(browser);
    await this.#launch.started(browser).catch(async (error: unknown) => {
      // whatsapp-web.js calls no further hook.
      await this.end();
      throw error;
    });
  }

  /** whatsapp-web.js has given up the start of this run: without a browser that the hooks know, the run ends at once. */
  async startFailed({ children }: StartFailure, error: unknown): Promise<void> {
    await this.#launch.giveUp(children, error);
    if (this.isEnding || this.#phase.isStarting || this.wasReady) return;
    const browser = this.#startedBrowser;
    if (!browser?.isConnected()) await this.end();
    else this.#failed = new FailedStart(browser, () => this.wasReady);
  }

  /** Whether the browser of a start that has failed is still open. */
  get hasFailed(): boolean {
    return this.#failed !== undefined && !this.isEnding && !this.wasReady;
  }

  /**
   * Ends the browser of a start that has failed, and the run. Never rejects.
   * @param children the processes that the start has started
   */
  async endFailed(children?: StartFailure["children"]): Promise<void> {
    this.browserClosed();
    this.#failed?.end();
    await this.#launch.endFailed(children);
    await this.end();
  }

  /** The browser is closed on purpose: its end is no interruption. */
  browserClosed(): void {
    this.#browser.end();
  }

  /** READY: from now on the profile carries a session. */
  link(): void {
    // Also after a logout in the page: the profile carries a new session now.
    this.deleted = false;
    if (this.isEnding || this.store.lost.aborted) return;
    this.#link.link();
  }

  /** The profile carries no session any more, or a session that has ended: nothing is saved until the next READY. */
  unlink(): void {
    this.#phase.unlink();
  }

  /**
   * The page asks for a link: the link that the profile carried has ended. Never rejects. The first of several calls at
   * once is answered for all of them; when the client starts again, only the first call returns.
   */
  async authenticationNeeded(): Promise<AuthenticationAnswer | undefined> {
    const answer = await this.#link.needed();
    // The session is released as well. A handler of `auth_failure` may end the process, or this run, at once.
    if (answer?.failed) await this.#launch.release();
    return answer;
  }

  /** Starts the saves; may be called at every READY. */
  ready(): void {
    if (!this.#phase.isLinked || this.isEnding) return;
    this.#link.record();
    this.#saves.start();
  }

  /** Saves now, after a save that is under way. */
  async backup(): Promise<SaveReport> {
    if (this.#phase.lost !== undefined) throw this.#phase.lost;
    try {
      return await this.#saves.now();
    } catch (error) {
      this.#tell("save", error);
      // A run that loses the session is not linked any more, which says less.
      throw isVaultError(error, "LEASE_LOST") ? error : (this.#phase.lost ?? error);
    }
  }

  async stopBackups(): Promise<void> {
    await this.#saves.stop(this.#phase.lost);
  }

  /** The stored session was deleted; the profile must not be saved again before a new link. */
  markDeleted(): void {
    this.deleted = true;
    this.#emit("remote_session_deleted", { session: this.#options.session });
  }

  /** Continues in the same browser after a logout: the next link is a new session. */
  async forget(): Promise<void> {
    await this.#link.forget();
    // If the deletion failed, the next start finds the stored session, and must know this profile as its descendant.
    if (this.deleted) await this.#saver.forget();
  }

  /** The client is about to close its browser: see {@link writeLateStorage}. */
  writeStorage(): Promise<void> | undefined {
    if (!this.#phase.isLinked || this.isEnding) return undefined;
    const { client } = this.#options;
    this.#written ??= writeLateStorage({
      client,
      readyAt: this.#link.readyAt,
      isOnDisk: (signal) => this.#saver.hasCredentials(signal),
    });
    return this.#written;
  }

  /** The client is being destroyed: aborts the operations under way, so that `finish` need not wait for them. */
  interrupt(): void {
    this.browserClosed();
    this.#failed?.end();
    this.#ending.abort(clientDestroyed(this.#options.session));
  }

  /** Ends the run, with a last save if the session is linked. Never rejects; a second call waits for the first. */
  async finish(): Promise<void> {
    this.#finished ??= this.#finish();
    await this.#finished;
  }

  async #finish(): Promise<void> {
    this.#phase.finish();
    await this.stopBackups();
    try {
      if (this.#phase.isLinked) await this.#saves.last((limitMs) => this.#browser.exit(limitMs));
    } catch (error) {
      this.#saveFailed(error);
    } finally {
      await this.end({ removesProfile: () => this.deleted });
    }
  }

  /**
   * Ends the run without a save: releases the lease, the lock and the signals. Never rejects; may be called twice.
   * @param options.removesProfile whether the local profile is removed before it is released. @default it is kept
   */
  async end({ removesProfile = () => false }: { removesProfile?: () => boolean } = {}): Promise<void> {
    this.#phase.end();
    this.interrupt();
    await this.stopBackups();
    const released = this.#launch.release(async () => {
      if (removesProfile()) await this.#options.removeProfile();
    });
    // A browser that does not end must not keep the lease, too.
    if (!this.#launch.browserRuns) await released;
    await this.store.close().catch((error) => this.report(error));
    await released;
    await this.#launch.end();
    this.hasEnded = true;
    this.#ended.resolve();
  }

  /** Emits an error that no caller awaits; a lost lease ends the run. */
  report(error: unknown): void {
    if (isVaultError(error, "LEASE_LOST")) return void this.#lose(error);
    this.#tell("run", error);
    this.#emit("remote_session_error", error);
  }

  #saveFailed(error: unknown): void {
    this.#tell("save", error);
    this.report(error);
  }

  #tell(operation: "save" | "run", error: unknown): void {
    const { session, storeKind: store } = this.#options;
    tellUntold(operation, { session, store }, error);
  }

  /** No hook tells of the death of a browser: saves the profile, which is at rest now, and ends the run. */
  async #browserGone(): Promise<void> {
    if (this.isEnding) return;
    const { isLinked } = this.#phase;
    const gone = browserGone(this.#options.session, isLinked);
    this.#tell("run", gone);
    this.#emit("remote_session_interrupted", gone);
    if (isLinked) this.report(gone);
    await this.finish();
  }

  /** Another process has taken the session over: writes nothing more and destroys the client. */
  async #lose(reason: unknown): Promise<void> {
    if (this.#phase.lost !== undefined) return;
    // A start throws the error, and ends the run.
    const endsByItself = this.isEnding || this.#phase.isStarting;
    const lost = leaseLost(this.#options.session, reason);
    this.#phase.lose(lost);
    this.#tell("run", lost);
    this.#emit("remote_session_lost", lost);
    void this.#saves.lose(lost);
    if (endsByItself) return;
    const { client } = this.#options;
    await client.destroy().catch((cause: unknown) => {
      // Before there is a browser, whatsapp-web.js 1.34.4 always throws.
      if (client.pupBrowser) this.report(cause);
    });
    // Also when the browser could not be closed.
    await this.end();
  }

  #emit(event: RemoteSessionEvent, payload: unknown): void {
    emitEvent(this.#options.client, event, payload);
  }
}
