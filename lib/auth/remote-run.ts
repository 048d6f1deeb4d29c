import { BrowserWatch } from "../browser/browser-watch.ts";
import type { BrowserLike } from "../browser/client.ts";
import { ProfileLaunch, type ProfileLaunchOptions } from "../browser/profile-launch.ts";
import { isVaultError } from "../errors.ts";
import type { RestoreReport, SaveReport } from "../store.ts";
import { type RemoteSessionEvent, tell } from "./client-events.ts";
import { chooseProfile, type OpenedProfile } from "./local/choose-profile.ts";
import { browserGone, clientDestroyed, leaseLost, sessionRefused } from "./run-errors.ts";
import { RunPhase } from "./run-phase.ts";
import { ProfileSaver } from "./saving/profile-saver.ts";
import { SaveSchedule } from "./saving/save-schedule.ts";
import type { StoreSession } from "./store/store-session.ts";

/** What one run needs to know. Times are milliseconds. */
export interface RemoteRunOptions extends ProfileLaunchOptions {
  readonly store: StoreSession;
  readonly session: string;
  readonly intervalMs: number;
  readonly finalSaveTimeoutMs: number;
}

/**
 * One run of a client on one profile: from the choice of the profile to the last save. It knows whether the session is
 * linked, and saves only then.
 */
export class RemoteRun {
  readonly store: StoreSession;
  readonly #options: RemoteRunOptions;
  /** Aborts when the run ends: whatever waits for the store or the disk then stops. */
  readonly #starting = new AbortController();
  /** Resolves when everything is let go of. */
  readonly ended: Promise<void>;
  #setEnded: () => void = () => {};
  readonly #launch: ProfileLaunch;
  readonly #browser: BrowserWatch;
  readonly #saver: ProfileSaver;
  readonly #saves: SaveSchedule;
  readonly #phase: RunPhase = new RunPhase();
  /** The profile as it was opened, until the page asked for a link or has logged out. */
  #opened: OpenedProfile | undefined;
  /** Whether READY has proven it. */
  #isProven = false;
  /** When READY was first seen of this link, by `performance.now()`. */
  #readyAt: number | undefined;
  #deleted = false;
  #finished: Promise<void> | undefined;

  constructor(options: RemoteRunOptions) {
    this.#options = options;
    this.store = options.store;
    this.ended = new Promise((resolve) => {
      this.#setEnded = resolve;
    });
    const { client } = options;
    const onError = (error: unknown): void => this.report(error);
    this.#launch = new ProfileLaunch(options);
    this.#browser = new BrowserWatch(client, () => this.#browserGone());
    this.#saver = new ProfileSaver({
      ...options,
      linkedSince: () => (this.#phase.isLinked ? this.#readyAt : undefined),
      browserRuns: () => this.#browser.isRunning,
      wid: () => client.info?.wid?._serialized,
      onSaved: (report) => this.#tell("remote_session_saved", report),
      onError,
    });
    this.#saves = new SaveSchedule({ ...options, saver: this.#saver, onError });
  }

  get deleted(): boolean {
    return this.#deleted;
  }

  get wasReady(): boolean {
    return this.#readyAt !== undefined;
  }

  /** Whether it has ended, or is about to. */
  get isEnding(): boolean {
    return this.#phase.isEnding;
  }

  /** Chooses the profile and makes puppeteer open it. */
  async begin(): Promise<void> {
    const { store, session, dir, onWarning: warn } = this.#options;
    const { signal } = this.#starting;
    let restored: RestoreReport | undefined;
    await this.#launch.prepare(async (lock) => {
      const opened = await chooseProfile({ store, session, dir, lock, signal, warn });
      ({ restored } = opened);
      // A lease that was lost while the profile was chosen tells nobody any more.
      store.lost?.throwIfAborted();
      store.lost?.addEventListener("abort", () => void this.#lose(store.lost?.reason), { once: true });
      this.#saver.start(opened);
      this.#opened = opened;
      return opened.profile;
    });
    this.#phase.opened();
    if (restored !== undefined) this.#tell("remote_session_restored", restored);
  }

  /**
   * Checks how the browser was started, before it opens a page, and watches for its death.
   * @throws `INVALID` when it would wipe the profile
   */
  async browserStarted(browser: BrowserLike): Promise<void> {
    this.#browser.begin(browser);
    await this.#launch.started(browser);
  }

  /** READY: from now on the profile carries a session. */
  link(): void {
    // Whatever was logged out before: there is a session in the profile now.
    this.#deleted = false;
    if (this.isEnding || this.store.lost?.aborted) return;
    this.#phase.link();
    this.#readyAt ??= performance.now();
  }

  /** The profile carries no session any more, or a dead one: nothing is saved until the next READY. */
  unlink(): void {
    this.#phase.unlink();
  }

  /** The page asks for a link, whatever was opened: what was linked before is over. Never rejects. */
  async authenticationNeeded(): Promise<void> {
    const { session } = this.#options;
    const { wasReady } = this;
    const wasLinked = this.#opened?.linked;
    this.#phase.unlink();
    this.#opened = undefined;
    this.#readyAt = undefined;
    await this.#saver.markSuperseded().catch((error) => this.report(error));
    await this.stopBackups();
    if (wasReady) await this.#saver.rollBack(this.#starting.signal).catch((error) => this.report(error));
    await this.#saver.expectNewLink(this.#starting.signal);
    if (!wasLinked) return;
    this.report(sessionRefused(session));
  }

  /** Starts the saves; again and again is fine. */
  ready(): void {
    if (!this.#phase.isLinked || this.isEnding) return;
    this.#saver.clearSuperseded().catch((error) => this.report(error));
    const generation = this.#opened?.history.at(-1)?.generation;
    if (generation !== undefined && !this.#isProven) {
      this.#isProven = true;
      const { signal } = this.#starting;
      // A proof that the end of this run interrupts is written by the next one.
      this.store.prove(generation, signal).catch((error) => signal.aborted || this.report(error));
    }
    this.#saves.start();
  }

  /** Saves now, after a save that is under way. */
  async backup(): Promise<SaveReport> {
    if (this.#phase.lost !== undefined) throw this.#phase.lost;
    return await this.#saves.now();
  }

  async stopBackups(): Promise<void> {
    await this.#saves.stop(this.#phase.lost);
  }

  /** The stored session was deleted; the profile must not be saved again before a new link. */
  markDeleted(): void {
    this.#deleted = true;
    this.#tell("remote_session_deleted", { session: this.#options.session });
  }

  /** Goes on in the same browser after a logout: whatever is linked next is a new session. */
  async forget(): Promise<void> {
    this.#opened = undefined;
    this.#readyAt = undefined;
    await this.#saver.expectNewLink(this.#starting.signal);
    // What could not be deleted is still what the next start finds: then the marker must say that this came after it.
    if (this.#deleted) await this.#saver.forget();
  }

  /** Ends what is under way, so that `finish` need not wait for it. */
  interrupt(): void {
    this.#starting.abort(clientDestroyed(this.#options.session));
  }

  /** The last save, when there is something to save, and the end. Never rejects; twice is one. */
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
      this.report(error);
    } finally {
      await this.end();
    }
  }

  /** Lets go of everything, without saving. Never rejects; twice is fine. */
  async end(): Promise<void> {
    this.#phase.end();
    this.#browser.end();
    this.interrupt();
    await this.stopBackups();
    await this.store.close().catch((error) => this.report(error));
    await this.#launch.end();
    this.#setEnded();
  }

  /** Tells the client's listeners of an error nobody awaits. */
  report(error: unknown): void {
    if (isVaultError(error, "LEASE_LOST")) void this.#lose(error);
    else this.#tell("remote_session_error", error);
  }

  /** A browser that dies calls no hook: save the profile it left, which is at rest now, and release the session. */
  async #browserGone(): Promise<void> {
    if (this.isEnding) return;
    const { isLinked } = this.#phase;
    const gone = browserGone(this.#options.session, isLinked);
    this.#tell("remote_session_interrupted", gone);
    if (isLinked) this.report(gone);
    await this.finish();
  }

  /** Another process has the session now: write nothing more and destroy the client. */
  async #lose(reason: unknown): Promise<void> {
    if (this.#phase.lost !== undefined) return;
    const wasEnding = this.isEnding;
    const lost = leaseLost(this.#options.session, reason);
    this.#phase.lose(lost);
    this.#tell("remote_session_lost", lost);
    // A run that is ending anyway needs nobody to end it.
    if (wasEnding) return;
    await this.#options.client.destroy().catch((cause: unknown) => this.#tell("remote_session_error", cause));
    // A browser that cannot be closed is no reason to hold anything.
    await this.end();
  }

  #tell(event: RemoteSessionEvent, payload: unknown): void {
    tell(this.#options.client, event, payload);
  }
}
