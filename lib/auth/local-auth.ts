import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Deferred, deferred } from "../async/deferred.ts";
import { BrowserWatch } from "../browser/browser-watch.ts";
import type { PublicClient } from "../browser/client.ts";
import { checkLaunchable } from "../browser/launch-options.ts";
import { checkNoBrowser } from "../browser/singleton-lock.ts";
import { tellUntold } from "../diagnostics/observe.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { repairProfile } from "../profile/repair.ts";
import { firstProblem, verifyProfile } from "../profile/verify.ts";
import type { ProfileFacts } from "../store.ts";
import { BaseAuth } from "./base-auth.ts";
import { alreadyOpen, HookGuards } from "./hook-guards.ts";
import { LocalRun } from "./local/local-run.ts";
import { removeLeftovers, removeProfile, removeUnused } from "./local/remove-profile.ts";
import { warnOfAbsentProfile } from "./local/warn-of-absence.ts";
import { OneClient } from "./one-client.ts";
import { warnOfStrangers } from "./stranger-warnings.ts";
import {
  checkStrategyOptions,
  type StrategyOptions,
  type StrategySettings,
  sessionNameOf,
} from "./strategy-options.ts";
import { WatchedStarts } from "./watched-starts.ts";

/** How long a `destroy()` waits for the processes of a closed browser to end, in milliseconds. */
const EXIT_WAIT_MS = 3_000;

/** Options of `LocalAuth`. */
export type LocalAuthOptions = StrategyOptions;

/**
 * Keeps the session of a whatsapp-web.js client in a folder of this machine, `<dataPath>/session-<clientId>`.
 * @throws `INVALID` with whatsapp-web.js's own text for a bad `clientId`
 */
export class LocalAuth extends BaseAuth {
  /** The option, as text; `undefined` when none was given. */
  readonly clientId: string | undefined;
  /** Absolute path of the folder of the local profiles. */
  readonly dataPath: string;
  /** The option: how often the removal of a local profile is tried again. */
  readonly rmMaxRetries: number;
  /** Path of the profile; set by the first `initialize()`. */
  userDataDir: string | undefined;
  readonly #settings: StrategySettings;
  readonly #guards: HookGuards = new HookGuards(
    () => this.client,
    () => `The profile ${this.userDataDir}`,
  );
  /** Whether a start has opened the profile. */
  #hasStarted = false;
  readonly #use: OneClient = new OneClient(this, "LocalAuth");
  #run: LocalRun | undefined;
  #starts: WatchedStarts<LocalRun> | undefined;
  /** Resolves when the browser is closed; set from the call of `disconnect` until the call of `destroy`. */
  #closed: Deferred | undefined;

  constructor(options: LocalAuthOptions = {}) {
    super();
    this.#settings = checkStrategyOptions(options);
    this.clientId = this.#settings.clientId;
    this.dataPath = this.#settings.dataPath;
    this.rmMaxRetries = this.#settings.rmMaxRetries;
  }

  /** @throws `INVALID` when another client uses this strategy */
  override setup(client: PublicClient): void {
    const isOther = this.#use.setUp(client, this.#run?.isOver === true);
    super.setup(client);
    if (this.#starts?.watches(this.client)) return;
    if (isOther) this.#forgetClient();
    this.#starts = new WatchedStarts(this.client, {
      onFailed: async (run, failure, error) => {
        await run.startFailed(failure, error);
        if (run.isOver) this.#use.ended(client);
      },
      beforeDestroy: () => this.#run?.writeStorage(),
    });
  }

  #forgetClient(): void {
    this.#starts?.retire("LocalAuth");
    this.#guards.clientChanged();
    // Its browser has died, or is closed: the next start waits for the end.
    void this.#run?.end();
    this.#run = undefined;
    this.#closed = undefined;
  }

  /**
   * Makes puppeteer open the profile, in the storage form in which it was written.
   * @throws `INVALID` for options that name another profile; `LEASE_HELD` when another browser has the profile open;
   *   `UNAVAILABLE` or `DENIED` when the disk refuses; `CORRUPT` when the profile is so damaged that Chromium would
   *   wipe it or show a QR: the profile is left as it is
   */
  override async beforeBrowserInitialized(): Promise<void> {
    // At each start, as whatsapp-web.js does: a subclass may have changed the fields.
    const { client } = this;
    const dir = join(resolve(this.dataPath), sessionNameOf("session", this.clientId));
    checkLaunchable(client.options.puppeteer, "LocalAuth", dir);
    this.userDataDir = dir;
    this.#use.started();
    try {
      const endFailed = this.#endOfFailed();
      if (endFailed !== undefined) await endFailed();
      if (this.#starts?.isDestroying) this.#closed ??= deferred();
      const isLaunching = this.#starts?.isStarting === true;
      const start = { isFirst: this.#run === undefined, previous: this.#closed?.promise, isLaunching };
      await this.#guards.start(start, () => this.#begin(dir));
    } catch (error) {
      this.#tell("start", error);
      if (this.#run === undefined) this.#use.ended(client);
      throw error;
    }
  }

  /** The end of a start that has failed and has left its browser, unless its page was ready all the same. */
  #endOfFailed(): (() => Promise<void>) | undefined {
    const run = this.#run;
    if (run === undefined || run.wasReady) return undefined;
    const before = this.#starts?.triedBefore(run);
    if (before === undefined && !run.hasFailed) return undefined;
    return async () => {
      await run.endFailed(before?.children);
      if (this.#run === run) this.#run = undefined;
    };
  }

  async #begin(dir: string): Promise<void> {
    const previous = this.#run;
    if (previous !== undefined) {
      // The run before continues, and this start fails. Without a call of initialize() no hook tells of a browser that is
      // just starting, only its lock.
      if (this.#starts?.isBeingStarted(previous) && !this.#starts.triedBefore(previous))
        throw alreadyOpen(`The profile ${dir}`);
      if (previous.isOver) await previous.end();
      await checkNoBrowser(dir);
      await previous.end();
    }
    const options = { ...this.#settings, client: this.client, dir, destroy: () => this.destroy() };
    const starts = this.#starts;
    const run: LocalRun = new LocalRun(options, {
      isBeingStarted: () => starts?.isBeingStarted(run) === true,
      onLost: (lost) => void this.#lose(lost),
      onGone: () => this.#use.ended(options.client),
    });
    this.#run = run;
    starts?.begins(run);
    try {
      await run.prepare(async () => {
        await removeLeftovers(dir);
        await mkdir(dir, { recursive: true });
        // A later start finds what the start before, or a logout, has left.
        if (!this.#hasStarted) await warnOfAbsentProfile(dir, this.#settings.onWarning);
        return await repairedProfile(dir, this.#settings.onWarning);
      });
      this.#hasStarted = true;
    } catch (error) {
      if (this.#run === run) this.#run = undefined;
      throw error;
    }
  }

  /** Another process has the profile, and the browser was ended. */
  async #lose(lost: VaultError): Promise<void> {
    this.#tell("run", lost);
    this.#settings.onWarning(`${lost.message} The client is destroyed. ${lost.hint ?? ""}`);
    await this.client.destroy().catch(() => this.destroy());
  }

  #tell(operation: "start" | "run", error: unknown): void {
    tellUntold(operation, { session: sessionNameOf("session", this.clientId), store: "local" }, error);
  }

  override async afterBrowserInitialized(): Promise<void> {
    const run = this.#run;
    const browser = await this.#guards.started(run !== undefined);
    if (browser !== undefined) await run?.started(browser);
  }

  /** Called at every READY. */
  override async afterAuthReady(): Promise<void> {
    this.#run?.ready();
  }

  /** Called before `destroy()` when the connection has ended for good. */
  override async disconnect(): Promise<void> {
    this.#closed ??= deferred();
  }

  override async destroy(): Promise<void> {
    await this.#end(async () => undefined);
  }

  /** @param last called before the profile is released. @returns whether it was called: else the profile was free */
  async #end(last: () => Promise<void>): Promise<boolean> {
    const { client } = this.#use;
    const run = this.#run;
    this.#run = undefined;
    this.#guards.destroyed();
    // Chromium writes its storage in a process of its own, which may outlive the main process: the profile is at rest
    // once both have ended.
    let hasReleased = false;
    if (run !== undefined) hasReleased = await run.end(last);
    else if (!this.client.pupBrowser?.isConnected()) await new BrowserWatch(this.client).exit(EXIT_WAIT_MS);
    this.#use.ended(client);
    if (client === this.#use.client) {
      this.#closed?.resolve();
      this.#closed = undefined;
    }
    return hasReleased;
  }

  /**
   * Removes the profile. Never rejects; may be called twice. With the browser still open the profile is left in place:
   * the page has emptied its storage and continues in it, and the next link must not be lost.
   */
  override async logout(): Promise<void> {
    const dir = this.userDataDir;
    if (dir === undefined || this.#guards.loggedOut()) return;
    let removed = false;
    const wasOpen = await this.#end(async () => {
      removed = await removeProfile(dir, this.rmMaxRetries);
    });
    if (!wasOpen) removed = await removeUnused(dir, this.rmMaxRetries);
    if (!removed) this.#settings.onWarning(`${dir} could not be removed after the logout.`);
  }
}

/** Repairs the profile after a kill of its browser, and verifies it. @throws `CORRUPT` when it does not verify then */
async function repairedProfile(dir: string, onWarning: (message: string) => void): Promise<ProfileFacts> {
  try {
    await repairProfile(dir);
    const report = await verifyProfile(dir);
    warnOfStrangers(onWarning, dir, report.strangers ?? []);
    const problem = firstProblem(report);
    if (problem === undefined) return report.profile;
    throw new VaultError("CORRUPT", problem, { hint: report.hint });
  } catch (cause) {
    if (!isVaultError(cause, "CORRUPT")) throw cause;
    throw new VaultError("CORRUPT", `The profile ${dir} is damaged: ${cause.message}`, {
      cause,
      hint: `Nothing was changed. ${cause.hint ?? "Keep a copy of it; move it away to link the device again."}`,
    });
  }
}
