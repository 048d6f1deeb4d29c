import { homedir } from "node:os";
import { join } from "node:path";
import { withDeadline, withSignal } from "../../lib/async/deadline.ts";
import { isSnap } from "../../lib/browser/snap.ts";
import { keepTemporary, makeTemporary, removeTemporary } from "../../lib/disk/temporary.ts";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import { probeCredentials } from "../../lib/profile/credentials.ts";
import type { Cli } from "../cli.ts";
import { durationWords } from "../terminal/words.ts";
import { BrowserRun, type BrowserRunOptions, browserClosed, type ClientClass } from "./browser-run.ts";
import { type LinkRequest, numberOf, phoneWords } from "./link-request.ts";
import { type HeldSession, LinkStore } from "./link-store.ts";
import { LinkPrompt } from "./prompt.ts";
import { readBack } from "./read-back.ts";
import { say } from "./say.ts";
import { notUndone, undoLink } from "./undo-link.ts";

/** What was linked. */
export interface Linked {
  /** The number of the phone for people. */
  readonly phone: string;
  readonly generation: number;
  readonly bytes: number;
  /** Whether a browser that was started from what is stored was ready. */
  readonly proven: boolean;
}

export interface LinkProfileOptions extends LinkRequest {
  readonly Client: ClientClass;
  readonly executablePath: string;
  readonly clientId: string | undefined;
  /** Whether the session may be replaced by that of another phone. */
  readonly allowsOtherPhone: boolean;
  /** The error when the session must not be replaced by that of the phone with this number. */
  readonly refuses: (phone: string | undefined) => VaultError | undefined;
  /** The call that stores a profile which is kept. */
  readonly pushWords: (dir: string, replaces: { any: boolean; otherPhone: boolean }) => string;
  /** The call that makes the session what it was before this link. */
  readonly undoWords: () => string;
}

/** How long the browser that proves a link may take to be ready, in milliseconds. */
const PROOF_MS = 180_000;

/** Links a session of whatsapp-web.js in a browser, stores it, proves it and reads it back. */
export class ProfileLink {
  readonly #cli: Cli;
  readonly #held: HeldSession;
  readonly #options: LinkProfileOptions;
  readonly #prompt: LinkPrompt;
  #isAway = false;
  /** As {@link ProfileLink.#unstored}. */
  #kept: string | undefined;
  /** What everything of this link is in. */
  #folder = "";
  /** Whether this command has stored anything. */
  #hasStored = false;
  /** Why the link must not take the place of what is stored. */
  #refused: VaultError | undefined;

  constructor(cli: Cli, held: HeldSession, options: LinkProfileOptions) {
    this.#cli = cli;
    this.#held = held;
    this.#options = options;
    this.#prompt = new LinkPrompt(cli, options);
  }

  /** The profile that has more than the store; `undefined` when everything is stored, or there is no link. */
  get #unstored(): string | undefined {
    return this.#kept;
  }

  set #unstored(dir: string | undefined) {
    this.#kept = dir;
    // A second Ctrl-C, which waits for nothing, must not take the only copy of a link with it.
    keepTemporary(this.#folder, dir !== undefined);
  }

  /**
   * @throws `CANCELLED` when the person has ended it; `UNAVAILABLE` when no phone comes in time; `DENIED` when WhatsApp does not accept the link; else the error of the
   *   store or the browser. A link that was made and is not stored is kept on disk: the hint says where.
   */
  async run(): Promise<Linked> {
    const { executablePath } = this.#options;
    // A snap does not see the folder for temporary files.
    const beside = isSnap(executablePath) ? join(homedir(), "snap", "chromium", "common", "x") : undefined;
    const folder = await makeTemporary(beside);
    this.#folder = folder;
    try {
      const phone = await this.#link(join(folder, "link"));
      const proven = this.#options.proves && (await this.#prove(join(folder, "proof")));
      say(this.#cli, "Reading back…");
      const into = join(folder, "back");
      const { current } = (await this.#held.vault.state({ session: this.#held.session })) ?? {};
      if (current === undefined) throw new VaultError("CORRUPT", `${this.#held.session} is not in the store any more.`);
      const { generation, bytes } = await readBack(this.#held, {
        into,
        generation: current.generation,
        signal: this.#cli.signal,
      });
      return { phone, generation, bytes, proven };
    } catch (error) {
      throw await this.#explained(error);
    } finally {
      if (this.#unstored === undefined) await removeTemporary(folder).catch(() => {});
    }
  }

  async #link(dataPath: string): Promise<string> {
    const { timeoutMs, headless } = this.#options;
    const store = this.#storeOf({ hides: true });
    const run = this.#browser({ dataPath, store });
    say(this.#cli, headless ? "Opening WhatsApp Web…" : "Opening WhatsApp Web in a window…");
    this.#show(run);
    try {
      run.start();
      const expired = (): VaultError =>
        new VaultError("UNAVAILABLE", `No phone has linked within ${durationWords(timeoutMs)}.`, {
          hint: "Nothing was stored. `--timeout 30min` waits longer.",
        });
      const closed = run.interrupted.then(() => Promise.reject(browserClosed()));
      const linked = Promise.race([run.ready, run.failed, closed]);
      await this.#withLimit(linked, timeoutMs, expired);
      this.#prompt.clear();
      const phone = phoneWords(run.client.info?.wid?._serialized);
      say(this.#cli, `Linked as ${phone}. Storing…`);
      this.#unstored = run.profile;
      this.#refused = this.#options.refuses(numberOf(run.client.info?.wid?._serialized));
      if (this.#refused) throw this.#refused;
      await this.#storeAll(run, store);
      return phone;
    } finally {
      this.#prompt.clear();
      await run.close();
      this.#hasStored ||= store.saved !== undefined;
    }
  }

  /** Stores the session as soon as its login is on disk, and once more when the browser has ended. */
  async #storeAll(run: BrowserRun, store: LinkStore): Promise<void> {
    const { timeoutMs } = this.#options;
    const expired = (): unknown =>
      run.lastError ?? new VaultError("UNAVAILABLE", "The session could not be stored in time.");
    try {
      // A browser that is closed now is stored as it was left.
      await this.#withLimit(Promise.race([run.saved, run.interrupted, run.failed]), timeoutMs, expired);
      await run.close();
      if (store.isLoggedOut) throw loggedOut();
      if (!run.isStored) throw run.lastError ?? expired();
      this.#unstored = undefined;
    } catch (error) {
      // What has come of it, only the end of the browser tells.
      if (isVaultError(error, "DENIED")) await run.close();
      this.#hasStored ||= store.saved !== undefined;
      if (!store.isLoggedOut) throw error;
      this.#unstored = undefined;
      throw await this.#undone(error);
    }
  }

  /** Starts a browser from what is stored, as the bot will. @returns whether it was ready */
  async #prove(dataPath: string): Promise<boolean> {
    const { session } = this.#held;
    say(this.#cli, "Starting once more from what is stored…");
    const store = this.#storeOf({ hides: false });
    const run = this.#browser({ dataPath, store, headless: true, phone: undefined });
    const asked = new Promise<never>((_, reject) => {
      run.client.once("qr", () => reject(refused(session)));
    });
    asked.catch(() => {});
    try {
      run.start();
      const expired = (): VaultError => new VaultError("UNAVAILABLE", `It was not ready within ${PROOF_MS / 1_000} s.`);
      await this.#withLimit(Promise.race([run.ready, run.failed, asked]), PROOF_MS, expired);
      this.#unstored = run.profile;
      await this.#withLimit(store.proven, PROOF_MS, expired);
      await run.close();
      if (!run.isStored) throw run.lastError ?? expired();
      this.#unstored = undefined;
      return true;
    } catch (error) {
      const isFinal = this.#cli.signal.aborted || this.#unstored !== undefined || isVaultError(error, "LEASE_LOST");
      if (isFinal) throw error;
      if (isVaultError(error, "DENIED")) {
        await run.close();
        throw await this.#undone(error);
      }
      const why = error instanceof Error ? error.message : String(error);
      this.#cli.warn(`${session} is stored, and was not proven by a second start: ${why}`);
      return false;
    } finally {
      await run.close();
    }
  }

  #storeOf({ hides }: { hides: boolean }): LinkStore {
    const onAway = (error: VaultError): void => {
      if (this.#isAway) return;
      this.#isAway = true;
      this.#cli.warn(
        `${error.message} It is tried again until the store answers; Ctrl-C keeps the profile on this computer.`,
      );
    };
    const refuses = (wid: string | undefined): VaultError | undefined => this.#options.refuses(numberOf(wid));
    return new LinkStore(this.#held, { hides, signal: this.#cli.signal, onAway, refuses });
  }

  #browser(options: Pick<BrowserRunOptions, "store" | "dataPath"> & Partial<BrowserRunOptions>): BrowserRun {
    const { env } = this.#cli;
    const onWarning = (message: string): void => this.#cli.warn(message);
    return new BrowserRun({ ...this.#options, env, onWarning, ...options });
  }

  /** Shows what the person has to scan or to type. */
  #show({ client }: BrowserRun): void {
    const { headless } = this.#options;
    client.on("qr", (code) => (headless ? this.#prompt.qr(String(code)) : this.#prompt.qrInWindow()));
    client.on("code", (code) => this.#prompt.pairingCode(String(code)));
    client.once("authenticated", () => {
      this.#prompt.clear();
      say(this.#cli, "The phone has linked. WhatsApp Web is loading…");
    });
  }

  /** Waits for `work`, for `limitMs` at most, while the session is this command's and the person has not ended it. */
  async #withLimit<T>(work: Promise<T>, limitMs: number, expired: () => unknown): Promise<T> {
    const signal = AbortSignal.any([this.#cli.signal, this.#held.lease.lost]);
    return await withDeadline({ limitMs, signal, expired: () => expired() as Error }, (limited) =>
      withSignal(work, limited),
    );
  }

  /** Makes the session what it was before, where anything was stored: the link is of no use. @returns the error to tell */
  async #undone(error: unknown): Promise<unknown> {
    if (!this.#hasStored) return error;
    try {
      await undoLink(this.#held);
      this.#hasStored = false;
      return error;
    } catch (cause) {
      return notUndone(this.#held, error, cause, this.#options.undoWords());
    }
  }

  /** The error with what has become of the link. */
  async #explained(given: unknown): Promise<unknown> {
    const error =
      given === this.#cli.signal.reason && this.#cli.signal.aborted ? new VaultError("CANCELLED", "Ended.") : given;
    const dir = this.#unstored;
    if (dir === undefined) {
      if (!this.#hasStored || !isVaultError(error, "CANCELLED")) return error;
      const message = `Ended. ${this.#held.session} is linked and stored, and was not read back.`;
      return new VaultError("CANCELLED", message, { hint: "`wa-vault verify` reads what is stored." });
    }
    const { hasCredentials } = await probeCredentials(dir).catch(() => ({ hasCredentials: true }));
    if (!hasCredentials) {
      this.#unstored = undefined;
      if (this.#refused) return this.#refused;
      return new VaultError("CANCELLED", "The browser ended before it had written the login to disk.", {
        cause: error,
        hint: "Nothing was stored. Remove the device on the phone and run the command again.",
      });
    }
    const { session } = this.#held;
    const any = this.#hasStored || this.#held.before?.current !== undefined;
    const otherPhone = this.#refused !== undefined || this.#options.allowsOtherPhone;
    const words = `${session} is linked, and ${this.#hasStored ? "its last state" : "it"} is not stored.`;
    const [code, why] = isVaultError(error)
      ? [error.code, error.message]
      : (["UNAVAILABLE", error instanceof Error ? error.message : String(error)] as const);
    return new VaultError(code, `${why} ${words}`, {
      cause: error,
      hint: `The profile is kept in ${dir}. Store it with: ${this.#options.pushWords(dir, { any, otherPhone: any && otherPhone })}`,
    });
  }
}

function loggedOut(): VaultError {
  return new VaultError("DENIED", "The device was removed again before it was stored.", {
    hint: "Nothing of this link is stored. Run the command again.",
  });
}

function refused(session: string): VaultError {
  return new VaultError("DENIED", `WhatsApp asked to link again when ${session} was started from what is stored.`, {
    hint: "Nothing of this link is the current version in the store. Remove the device on the phone, and run the command again.",
  });
}
