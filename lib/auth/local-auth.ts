import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Deferred, deferred } from "../async/deferred.ts";
import { BrowserWatch } from "../browser/browser-watch.ts";
import type { PublicClient } from "../browser/client.ts";
import { checkLaunchable } from "../browser/launch-options.ts";
import { ProfileLaunch } from "../browser/profile-launch.ts";
import { checkNoBrowser } from "../browser/singleton-lock.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { repairProfile } from "../profile/repair.ts";
import { firstProblem, verifyProfile } from "../profile/verify.ts";
import type { ProfileFacts } from "../store.ts";
import { BaseAuth } from "./base-auth.ts";
import { alreadyOpen, HookGuards } from "./hook-guards.ts";
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
  readonly clientId: string | undefined;
  readonly dataPath: string;
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
  #launch: ProfileLaunch | undefined;
  /** The launch whose page was ready last. */
  #ready: ProfileLaunch | undefined;
  /** The launch of the last start that whatsapp-web.js has given up. */
  #failed: ProfileLaunch | undefined;
  #starts: WatchedStarts<ProfileLaunch> | undefined;
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
    const isOther = this.#use.setUp(client, this.#launch?.isOver === true);
    super.setup(client);
    if (this.#starts?.watches(this.client)) return;
    if (isOther) this.#forgetClient();
    this.#starts = new WatchedStarts(this.client, {
      onFailed: async (launch, { children }, error) => {
        await launch.giveUp(children, error);
        if (launch.isOver) this.#use.ended(client);
        this.#failed = launch;
      },
    });
  }

  #forgetClient(): void {
    this.#starts?.retire("LocalAuth");
    this.#guards.clientChanged();
    this.#launch = undefined;
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
      const start = { isFirst: this.#launch === undefined, previous: this.#closed?.promise, isLaunching };
      await this.#guards.start(start, () => this.#begin(dir));
    } catch (error) {
      if (this.#launch === undefined) this.#use.ended(client);
      throw error;
    }
  }

  /** The end of a start that has failed and has left its browser, unless its page was ready all the same. */
  #endOfFailed(): (() => Promise<void>) | undefined {
    const launch = this.#launch;
    if (launch === undefined || launch === this.#ready) return undefined;
    const before = this.#starts?.triedBefore(launch);
    if (before === undefined && launch !== this.#failed) return undefined;
    return async () => {
      await launch.endFailed(before?.children);
      if (this.#launch === launch) this.#launch = undefined;
    };
  }

  async #begin(dir: string): Promise<void> {
    const previous = this.#launch;
    if (previous !== undefined) {
      // The launch before continues, and this start fails. Without a call of initialize() no hook tells of a browser that is
      // just starting, only its lock.
      if (this.#starts?.isBeingStarted(previous) && !this.#starts.triedBefore(previous))
        throw alreadyOpen(`The profile ${dir}`);
      await checkNoBrowser(dir);
      await previous.end();
    }
    const options = { ...this.#settings, client: this.client, dir, destroy: () => this.destroy() };
    const starts = this.#starts;
    const launch: ProfileLaunch = new ProfileLaunch(options, {
      isBeingStarted: () => starts?.isBeingStarted(launch) === true,
      onLost: (lost) => void this.#lose(lost),
    });
    this.#launch = launch;
    starts?.begins(launch);
    try {
      await launch.prepare(async () => {
        await removeLeftovers(dir);
        await mkdir(dir, { recursive: true });
        // A later start finds what the start before, or a logout, has left.
        if (!this.#hasStarted) await warnOfAbsentProfile(dir, this.#settings.onWarning);
        return await repairedProfile(dir, this.#settings.onWarning);
      });
      this.#hasStarted = true;
    } catch (error) {
      if (this.#launch === launch) this.#launch = undefined;
      throw error;
    }
  }

  /** Another process has the profile, and the browser was ended. */
  async #lose(lost: VaultError): Promise<void> {
    this.#settings.onWarning(`${lost.message} The client is destroyed. ${lost.hint ?? ""}`);
    await this.client.destroy().catch(() => this.destroy());
  }

  override async afterBrowserInitialized(): Promise<void> {
    const launch = this.#launch;
    const browser = await this.#guards.started(launch !== undefined);
    if (browser !== undefined) await launch?.started(browser);
  }

  /** Called at every READY. */
  override async afterAuthReady(): Promise<void> {
    this.#ready = this.#launch;
  }

  /** Called before `destroy()` when the connection has ended for good. */
  override async disconnect(): Promise<void> {
    this.#closed ??= deferred();
  }

  override async destroy(): Promise<void> {
    await this.#end(async () => undefined);
  }

  /** @param last called before the profile is released. @returns whether the profile was open */
  async #end(last: () => Promise<void>): Promise<boolean> {
    const { client } = this.#use;
    const launch = this.#launch;
    this.#launch = undefined;
    this.#guards.destroyed();
    // Chromium writes its storage in a process of its own, which may outlive the main process: the profile is at rest
    // once both have ended.
    if (launch !== undefined) await launch.end(last);
    else if (!this.client.pupBrowser?.isConnected()) await new BrowserWatch(this.client).exit(EXIT_WAIT_MS);
    this.#use.ended(client);
    if (client === this.#use.client) {
      this.#closed?.resolve();
      this.#closed = undefined;
    }
    return launch !== undefined;
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
