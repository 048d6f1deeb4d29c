import { BrowserWatch } from "../../browser/browser-watch.ts";
import type { BrowserLike, ClientLike } from "../../browser/client.ts";
import { type LaunchListeners, ProfileLaunch, type ProfileLaunchOptions } from "../../browser/profile-launch.ts";
import { probeCredentials } from "../../profile/credentials.ts";
import type { ProfileFacts } from "../../store.ts";
import { FailedStart } from "../failed-start.ts";
import { writeLateStorage } from "../late-storage.ts";
import type { StartFailure } from "../watched-starts.ts";

export interface LocalRunListeners extends LaunchListeners {
  /** The browser has died, and the profile is free again. Must not throw. */
  readonly onGone: () => void;
}

/** The runs of this process whose browser is not connected any more, or that are ending, by the path of their profile. */
const leaving = new Map<string, Set<LocalRun>>();

/**
 * One run of a client with `LocalAuth`: keeps the profile from its choice until the browser has ended. A browser that dies
 * frees its profile within seconds, or at once for a start of this process.
 */
export class LocalRun {
  readonly #client: ClientLike;
  readonly #dir: string;
  readonly #launch: ProfileLaunch;
  readonly #watch: BrowserWatch;
  #browser: BrowserLike | undefined;
  #failed: FailedStart | undefined;
  #ended: Promise<void> | undefined;
  #hasFailed = false;
  #readyAt: number | undefined;
  #written: Promise<void> | undefined;

  constructor(options: ProfileLaunchOptions, listeners: LocalRunListeners) {
    this.#client = options.client;
    this.#dir = options.dir;
    this.#launch = new ProfileLaunch(options, listeners);
    this.#watch = new BrowserWatch(options.client, async () => {
      await this.end();
      listeners.onGone();
    });
  }

  /** As that of {@link ProfileLaunch}; runs of this process that are about to leave the profile are ended first. */
  async prepare(choose: () => Promise<ProfileFacts>): Promise<void> {
    await Promise.all([...(leaving.get(this.#dir) ?? [])].map((run) => run.end()));
    await this.#launch.prepare(choose);
  }

  /** As that of {@link ProfileLaunch}. */
  async started(browser: BrowserLike): Promise<void> {
    this.#browser = browser;
    this.#watch.begin(browser);
    browser.once("disconnected", () => this.#leaves());
    if (!browser.isConnected()) this.#leaves();
    await this.#launch.started(browser);
  }

  /** whatsapp-web.js has given up the start of this run. Never rejects. */
  async startFailed({ children }: StartFailure, error: unknown): Promise<void> {
    await this.#launch.giveUp(children, error);
    this.#hasFailed = true;
    if (this.#ended !== undefined || this.wasReady) return;
    const browser = this.#browser;
    if (!browser?.isConnected()) await this.end();
    else this.#failed = new FailedStart(browser, () => this.wasReady);
  }

  /** Whether whatsapp-web.js has given up the start, and its page was not ready all the same. */
  get hasFailed(): boolean {
    return this.#hasFailed && !this.wasReady;
  }

  get wasReady(): boolean {
    return this.#readyAt !== undefined;
  }

  /** READY was seen. */
  ready(): void {
    this.#readyAt ??= performance.now();
  }

  /** The client is about to close its browser: see {@link writeLateStorage}. */
  writeStorage(): Promise<void> | undefined {
    this.#written ??= writeLateStorage({
      client: this.#client,
      readyAt: this.#readyAt,
      isOnDisk: async (signal) => (await probeCredentials(this.#dir, { signal })).hasCredentials,
    });
    return this.#written;
  }

  /** Ends the browser of a start that has failed, and the run. Never rejects. */
  async endFailed(children?: StartFailure["children"]): Promise<void> {
    this.#failed?.end();
    this.#watch.end();
    await this.#launch.endFailed(children);
    await this.end();
  }

  /** Whether the run has ended, or its browser has. */
  get isOver(): boolean {
    return this.#launch.isOver;
  }

  /**
   * Releases the profile once the processes of the browser have ended, and the signal handlers. Never rejects; a second call
   * waits for the first.
   * @param last called before the profile is released. Must not reject
   * @returns whether this call has released the profile: else `last` was not called
   */
  async end(last?: () => Promise<void>): Promise<boolean> {
    this.#watch.end();
    this.#failed?.end();
    const isFirst = this.#ended === undefined;
    if (isFirst) this.#leaves();
    this.#ended ??= this.#launch.end(last).finally(() => this.#hasLeft());
    await this.#ended;
    return isFirst;
  }

  #leaves(): void {
    // Its browser may report its end after that of the run.
    if (this.#ended !== undefined) return;
    const runs = leaving.get(this.#dir) ?? new Set();
    leaving.set(this.#dir, runs.add(this));
  }

  #hasLeft(): void {
    const runs = leaving.get(this.#dir);
    runs?.delete(this);
    if (runs?.size === 0) leaving.delete(this.#dir);
  }
}
