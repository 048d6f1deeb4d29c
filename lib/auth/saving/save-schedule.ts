import { VaultError } from "../../errors.ts";
import type { SaveReport } from "../../store.ts";
import { LAST_WAIT_MS } from "../lines.ts";
import { type BackupLoopOptions, startBackupLoop } from "./backup-loop.ts";
import type { ProfileSaver } from "./profile-saver.ts";

export interface SaveScheduleOptions extends BackupLoopOptions {
  readonly saver: ProfileSaver;
  readonly session: string;
  /** The longest time of the last save, in milliseconds. */
  readonly finalSaveTimeoutMs: number;
}

/** How long a browser that is closing may take before its profile is captured like that of a running browser. */
const BROWSER_EXIT_MS = 3_000;

/** Makes the saves of one run: in a loop, on request, and a last one at the end. */
export class SaveSchedule {
  readonly #options: SaveScheduleOptions;
  #stopLoop: (() => Promise<void>) | undefined;
  /** Aborts the saves on request. */
  #requested = new AbortController();
  /** Aborts the last save. */
  #late: AbortController | undefined;

  constructor(options: SaveScheduleOptions) {
    this.#options = options;
  }

  /** Starts the loop unless it runs. */
  start(): void {
    this.#stopLoop ??= startBackupLoop(this.#options);
  }

  /** Saves now, after a save that is under way. */
  async now(): Promise<SaveReport> {
    return await this.#options.saver.next(this.#requested.signal);
  }

  /**
   * Ends the loop and every save under way except the last one. Never rejects; may be called twice.
   * @param reason the error of the saves on request. @default `CANCELLED`
   */
  async stop(reason?: VaultError): Promise<void> {
    const { saver, session } = this.#options;
    const stopLoop = this.#stopLoop;
    this.#stopLoop = undefined;
    this.#requested.abort(reason ?? new VaultError("CANCELLED", `Session ${session} is not saved: the client stops.`));
    this.#requested = new AbortController();
    await stopLoop?.();
    await saver.idle();
  }

  /** The session is lost: as {@link stop}, and ends the last save too. */
  async lose(reason: VaultError): Promise<void> {
    this.#late?.abort(reason);
    await this.stop(reason);
  }

  /**
   * Saves a last time, within `finalSaveTimeoutMs`.
   * @param atRest waits for the browser to end, for `limitMs` at most
   */
  async last(atRest: (limitMs: number) => Promise<void>): Promise<void> {
    const { saver, session, finalSaveTimeoutMs } = this.#options;
    const late = new AbortController();
    this.#late = late;
    const timer = setTimeout(() => late.abort(finalSaveExpired(session, finalSaveTimeoutMs)), finalSaveTimeoutMs);
    try {
      await atRest(Math.min(BROWSER_EXIT_MS, finalSaveTimeoutMs / 2));
      // Chromium writes Local Storage out when it closes: before that the profile may lack the credentials.
      const hasCredentials = await saver.hasCredentials(late.signal).catch(() => true);
      if (!hasCredentials) await atRest(finalSaveTimeoutMs / 4);
      late.signal.throwIfAborted();
      await saver.next(late.signal, LAST_WAIT_MS);
    } finally {
      this.#late = undefined;
      clearTimeout(timer);
    }
  }
}

function finalSaveExpired(session: string, limitMs: number): VaultError {
  return new VaultError("UNAVAILABLE", `The last save of ${session} took longer than ${limitMs} ms.`, {
    hint: "The earlier saves and the local profile are kept. Raise `finalSaveTimeoutMs` where there is time.",
  });
}
