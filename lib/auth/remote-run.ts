import { BrowserWatch } from "../browser/browser-watch.ts";
import { ProfileLaunch, warn } from "../browser/profile-launch.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { RestoreReport, SaveReport } from "../store.ts";
import type { BrowserLike, ClientLike } from "./base-auth.ts";
import { type RemoteSessionEvent, tell } from "./client-events.ts";
import { openProfile } from "./local/choose-profile.ts";
import { ProfileSaver } from "./saving/profile-saver.ts";
import { SaveSchedule } from "./saving/save-schedule.ts";
import type { StoreLink } from "./store/store-session.ts";

/** What one run needs to know. Times are milliseconds. */
export interface RemoteRunOptions {
  readonly client: ClientLike;
  readonly link: StoreLink;
  readonly session: string;
  readonly dir: string;
  readonly intervalMs: number;
  readonly finalSaveTimeoutMs: number;
  readonly closeOnSignals: boolean;
}

/**
 * One run of a client on one profile: from the choice of the profile to the last save. It knows whether the session is
 * linked, and saves only then.
 */
export class RemoteRun {
  readonly storeLink: StoreLink;
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
  #linked = false;
  #readyAt: number | undefined;
  #deleted = false;
  #ending = false;
  /** Why this run must write nothing more: somebody else has the session. */
  #lost: VaultError | undefined;
  /** The generation that was opened, until it is proven or the page asked for a new link. */
  #unproven: number | undefined;
  /** Whether a session was opened, and not an empty profile. */
  #opened = false;
  #finishing: Promise<void> | undefined;

  constructor(options: RemoteRunOptions) {
    this.#options = options;
    this.storeLink = options.link;
    this.ended = new Promise((resolve) => {
      this.#setEnded = resolve;
    });
    const { client } = options;
    const onError = (error: unknown): void => this.report(error);
    this.#launch = new ProfileLaunch(options);
    this.#browser = new BrowserWatch(client, () => this.#browserGone());
    this.#saver = new ProfileSaver({
      ...options,
      linkedSince: () => (this.#linked ? this.#readyAt : undefined),
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
  get ending(): boolean {
    return this.#ending;
  }

  /** Chooses the profile and makes puppeteer open it. */
  async begin(): Promise<void> {
    const { link, session, dir } = this.#options;
    const { signal } = this.#starting;
    let restored: RestoreReport | undefined;
    await this.#launch.prepare(async (claim) => {
      const opened = await openProfile({ link, session, dir, claim, signal, warn });
      ({ restored } = opened);
      // A lease that was lost while the profile was chosen tells nobody any more.
      link.lost?.throwIfAborted();
      link.lost?.addEventListener("abort", () => void this.#lose(link.lost?.reason), { once: true });
      this.#saver.start(opened, opened.profile);
      this.#unproven = opened.generation;
      this.#opened = opened.linked;
      return opened.profile;
    });
    if (restored !== undefined) this.#tell("remote_session_restored", restored);
  }

  /**
   * Looks at how the browser was started, before it opens a page, and watches for its death.
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
    if (this.#ending || this.#options.link.lost?.aborted) return;
    this.#linked = true;
    this.#readyAt ??= performance.now();
  }

  /** The profile carries no session any more, or a dead one: nothing is saved until the next READY. */
  unlink(): void {
    this.#linked = false;
  }

  /** The page asks for a link, whatever was opened: what was linked before is over. Never rejects. */
  async authenticationNeeded(): Promise<void> {
    const { session } = this.#options;
    const { wasReady } = this;
    this.#linked = false;
    this.#unproven = undefined;
    this.#readyAt = undefined;
    await this.#saver.disown().catch((error) => this.report(error));
    await this.stopBackups();
    if (wasReady) await this.#saver.goBack(this.#starting.signal).catch((error) => this.report(error));
    await this.#saver.expectNewLink(this.#starting.signal);
    if (!this.#opened) return;
    this.#opened = false;
    const hint = "What is stored is kept until a new link is ready. Was the device removed on the phone?";
    this.report(
      new VaultError("DENIED", `WhatsApp did not accept the session ${session}: it asks to link again.`, { hint }),
    );
  }

  /** Starts the saves; again and again is fine. */
  ready(): void {
    if (!this.#linked || this.#ending) return;
    this.#saver.own().catch((error) => this.report(error));
    const generation = this.#unproven;
    if (generation !== undefined) {
      this.#unproven = undefined;
      const { signal } = this.#starting;
      // What was interrupted by the end of the run is made up for by the next one.
      this.#options.link.prove(generation, signal).catch((error) => signal.aborted || this.report(error));
    }
    this.#saves.start();
  }

  /** Saves now, after a save that is under way. */
  async backup(): Promise<SaveReport> {
    if (this.#lost !== undefined) throw this.#lost;
    return await this.#saves.now();
  }

  async stopBackups(): Promise<void> {
    await this.#saves.stop(this.#lost);
  }

  /** The stored session was deleted; the profile must not be saved again before a new link. */
  markDeleted(): void {
    this.#deleted = true;
    this.#tell("remote_session_deleted", { session: this.#options.session });
  }

  /** Goes on in the same browser after a logout: whatever is linked next is a new session. */
  async forget(): Promise<void> {
    this.#unproven = undefined;
    this.#opened = false;
    this.#readyAt = undefined;
    await this.#saver.expectNewLink(this.#starting.signal);
    // What could not be deleted is still what the next start finds: then the marker must say that this came after it.
    if (this.#deleted) await this.#saver.forget();
  }

  /** Ends what is under way, so that `finish` need not wait for it. */
  interrupt(): void {
    this.#starting.abort(
      new VaultError("UNAVAILABLE", `Session ${this.#options.session}: the client is being destroyed.`),
    );
  }

  /** The last save, when there is something to save, and the end. Never rejects; twice is one. */
  async finish(): Promise<void> {
    this.#finishing ??= this.#finish();
    await this.#finishing;
  }

  async #finish(): Promise<void> {
    this.#ending = true;
    await this.stopBackups();
    try {
      if (this.#linked) await this.#saves.last((limitMs) => this.#browser.exit(limitMs));
    } catch (error) {
      this.report(error);
    } finally {
      await this.end();
    }
  }

  /** Lets go of everything, without saving. Never rejects; twice is fine. */
  async end(): Promise<void> {
    this.#ending = true;
    this.#linked = false;
    this.#browser.end();
    this.interrupt();
    await this.stopBackups();
    await this.#options.link.close().catch((error) => this.report(error));
    await this.#launch.end();
    this.#setEnded();
  }

  /** Tells the client's listeners of an error nobody awaits. */
  report(error: unknown): void {
    if (isVaultError(error, "LEASE_LOST")) void this.#lose(error);
    else this.#tell("remote_session_error", error);
  }

  /** A browser that dies calls no hook: save what it left, which is at rest now, and give the session back. */
  async #browserGone(): Promise<void> {
    if (this.#ending) return;
    if (!this.#linked) return await this.end();
    const hint =
      "What it left is being saved. Call client.destroy(), which waits for that, then end the process or call client.initialize() again.";
    this.report(new VaultError("UNAVAILABLE", `The browser of session ${this.#options.session} is gone.`, { hint }));
    await this.finish();
  }

  /** Somebody else has the session now: write nothing more and let go of the client. */
  async #lose(reason: unknown): Promise<void> {
    if (this.#lost !== undefined) return;
    this.#lost = isVaultError(reason) ? reason : overtaken(this.#options.session, reason);
    this.#linked = false;
    this.#tell("remote_session_lost", this.#lost);
    // A run that is ending anyway needs nobody to end it.
    if (this.#ending) return;
    this.#ending = true;
    await this.#options.client.destroy().catch((cause: unknown) => this.#tell("remote_session_error", cause));
    // A browser that cannot be closed is no reason to hold anything.
    await this.end();
  }

  #tell(event: RemoteSessionEvent, payload: unknown): void {
    tell(this.#options.client, event, payload);
  }
}

function overtaken(session: string, cause: unknown): VaultError {
  return new VaultError("LEASE_LOST", `Session ${session} was taken by somebody else.`, { cause });
}
