import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BrowserWatch } from "../browser/browser-watch.ts";
import { checkLaunchable } from "../browser/launch-options.ts";
import { closeQuietly, destroyedMeanwhile, ProfileLaunch, warn } from "../browser/profile-launch.ts";
import { checkNoBrowser, removeStaleLocks } from "../browser/singleton-lock.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { repairProfile } from "../profile/repair.ts";
import { firstProblem, verifyProfile } from "../profile/verify.ts";
import type { ProfileFacts } from "../store.ts";
import { BaseAuth, type BrowserLike } from "./base-auth.ts";
import { removeLeftovers, removeProfile } from "./local/remove-profile.ts";
import { checkClientId, sessionNameOf } from "./session-name.ts";

/** How long a start waits for the browser before to close. */
const CLOSE_WAIT_MS = 60_000;
/** How long a `destroy()` waits for a browser that was closed to let go of its profile. */
const EXIT_WAIT_MS = 3_000;

/** What `LocalAuth` takes: whatsapp-web.js's own options, then ours. */
export interface LocalAuthOptions {
  /** Tells several sessions of one folder apart: letters, digits, `_` and `-`. @default none */
  clientId?: string | undefined;
  /** Folder of the profiles. @default "./.wwebjs_auth/" */
  dataPath?: string | undefined;
  /** How often the removal of the profile is tried again after a logout. @default 4 */
  rmMaxRetries?: number | undefined;
  /**
   * On SIGTERM, SIGINT or SIGHUP, close the browser properly, then let the signal do what it would have done.
   * Off when puppeteer's own `handleSIGTERM`, `handleSIGINT` or `handleSIGHUP` is set. @default true
   */
  closeOnSignals?: boolean | undefined;
}

/**
 * Keeps the session of a whatsapp-web.js client in a folder of this machine, `<dataPath>/session-<clientId>`.
 * @throws `INVALID` with whatsapp-web.js's own text for a bad `clientId`
 */
export class LocalAuth extends BaseAuth {
  readonly clientId: string | undefined;
  readonly dataPath: string;
  readonly rmMaxRetries: number;
  /** The profile; set by the first `initialize()`. */
  userDataDir: string | undefined;
  readonly #closeOnSignals: boolean;
  #launch: ProfileLaunch | undefined;
  /** The browser that was opened last. */
  #browser: BrowserLike | undefined;
  /** Resolves when that browser is closed, once whatsapp-web.js has told that it is about to close it. */
  #closed: Promise<void> = Promise.resolve();
  #setClosed: () => void = () => {};
  /** How often the page has logged out and is about to go on in the same browser, by the next hooks. */
  #goingOn = 0;
  /** How often the client was destroyed. */
  #destroys = 0;

  constructor({ clientId, dataPath, rmMaxRetries, closeOnSignals }: LocalAuthOptions = {}) {
    super();
    checkClientId(clientId);
    this.dataPath = resolve(dataPath || "./.wwebjs_auth/");
    this.clientId = clientId;
    this.rmMaxRetries = rmMaxRetries ?? 4;
    this.#closeOnSignals = closeOnSignals ?? true;
  }

  /**
   * Makes puppeteer open the profile, in the form it was written.
   * @throws `INVALID` for options that name another profile; `LEASE_HELD` when another browser has it open;
   *   `UNAVAILABLE` or `DENIED` when the disk refuses; `CORRUPT` when Chromium would wipe it,
   *   or ask for a QR, because of damage: it is left as it is
   */
  override async beforeBrowserInitialized(): Promise<void> {
    const { client } = this;
    const dir = join(this.dataPath, sessionNameOf("session", this.clientId));
    checkLaunchable(client.options.puppeteer, "LocalAuth", dir);
    this.userDataDir = dir;
    if (this.#goingOn > 0) {
      // In that browser, or it was closed meanwhile: either way there is nothing to open.
      this.#goingOn -= 1;
      return;
    }
    // Before the first browser a destroy() can mean nothing but this start; later it may be that of the browser before.
    const destroys = this.#launch === undefined && !client.pupBrowser ? this.#destroys : undefined;
    // `client.on("disconnected", () => client.initialize())`
    await Promise.race([this.#closed, delay(CLOSE_WAIT_MS, undefined, { ref: false })]);
    if (destroys !== undefined && destroys !== this.#destroys) throw destroyedMeanwhile(`The profile ${dir}`);
    // A running browser has its profile, as at a second initialize().
    if (client.pupBrowser?.isConnected()) return;
    const previous = this.#launch;
    // Its browser may be just starting, which no hook tells: then this start is one too many, and that one goes on.
    if (previous !== undefined) await checkNoBrowser(dir);
    const launch = new ProfileLaunch({ client, dir, closeOnSignals: this.#closeOnSignals });
    this.#launch = launch;
    try {
      await launch.prepare(async () => {
        await previous?.end();
        await removeLeftovers(dir);
        await mkdir(dir, { recursive: true });
        await removeStaleLocks(dir);
        return await wholeProfile(dir);
      });
    } catch (error) {
      // One start too many: the one before goes on.
      if (this.#launch === launch) this.#launch = previous;
      throw error;
    }
  }

  override async afterBrowserInitialized(): Promise<void> {
    const { pupBrowser } = this.client;
    // After a logout in the page it is the browser of before, or what is left of it; nobody catches an error there.
    if (!pupBrowser || pupBrowser === this.#browser) return;
    if (this.#launch === undefined) {
      await closeQuietly(pupBrowser);
      throw destroyedMeanwhile(`The profile ${this.userDataDir}`);
    }
    this.#browser = pupBrowser;
    await this.#launch.started(pupBrowser);
  }

  /** Called before `destroy()` when the connection is gone for good. */
  override async disconnect(): Promise<void> {
    const setClosed = this.#setClosed;
    this.#closed = new Promise((resolve) => {
      this.#setClosed = () => {
        setClosed();
        resolve();
      };
    });
  }

  override async destroy(): Promise<void> {
    const launch = this.#launch;
    this.#launch = undefined;
    this.#destroys += 1;
    // Its storage is written by a process of its own, which may outlive the first one: the profile is not at rest before.
    if (!this.client.pupBrowser?.isConnected()) await new BrowserWatch(this.client).exit(EXIT_WAIT_MS);
    await launch?.end();
    this.#setClosed();
  }

  /**
   * Removes the profile. Never rejects; twice is fine. With the browser still open it is left in place: the page has
   * emptied it and goes on in it, and what is linked next must not be lost.
   */
  override async logout(): Promise<void> {
    if (this.userDataDir === undefined) return;
    if (this.client.pupBrowser?.isConnected()) {
      this.#goingOn += 1;
      return;
    }
    await this.destroy();
    const removed = await removeProfile(this.userDataDir, this.rmMaxRetries);
    if (!removed) warn(`${this.userDataDir} could not be removed after the logout.`);
  }
}

/** Makes the profile whole after a browser that was killed. @throws `CORRUPT` when that is not enough */
async function wholeProfile(dir: string): Promise<ProfileFacts> {
  try {
    await repairProfile(dir);
    const report = await verifyProfile(dir);
    const problem = firstProblem(report);
    if (problem === undefined) return report.profile;
    throw new VaultError("CORRUPT", problem);
  } catch (cause) {
    if (!isVaultError(cause, "CORRUPT")) throw cause;
    throw new VaultError("CORRUPT", `The profile ${dir} is damaged: ${cause.message}`, {
      cause,
      hint: "Nothing was changed. Keep a copy of it; move it away to link the device again.",
    });
  }
}
