import { VaultError } from "../../errors.ts";
import type { SaveReport } from "../../store.ts";
import { BackupLoop } from "./backup-loop.ts";
import type { ProfileSaver } from "./profile-saver.ts";

/** What decides when the saves of one run are made. Times are milliseconds. */
export interface SaveScheduleOptions {
  readonly saver: ProfileSaver;
  readonly session: string;
  readonly intervalMs: number;
  readonly finalSaveTimeoutMs: number;
  /** Hears of every save of the loop that failed. Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** How long a browser that was told to close may take before its profile is captured as a live one. */
const BROWSER_EXIT_MS = 3_000;

/** When the saves of one run are made: again and again, when somebody asks, and a last time. */
export class SaveSchedule {
  readonly #options: SaveScheduleOptions;
  #loop: BackupLoop | undefined;
  /** Ends the saves that were asked for by hand. */
  #asked = new AbortController();

  constructor(options: SaveScheduleOptions) {
    this.#options = options;
  }

  /** Starts the loop; again and again is fine. */
  start(): void {
    const { saver, intervalMs, onError } = this.#options;
    this.#loop ??= new BackupLoop({
      intervalMs,
      saveWhenReady: async (signal) => (await saver.nextWhenReady(signal)) !== undefined,
      save: (signal) => saver.next(signal),
      onError,
    });
  }

  /** Saves now, after a save that is under way. */
  async now(): Promise<SaveReport> {
    return await this.#options.saver.next(this.#asked.signal);
  }

  /**
   * Ends the loop and what is under way. Never rejects; twice is fine.
   * @param reason told to whoever asked for a save
   */
  async stop(reason?: VaultError): Promise<void> {
    const { saver, session } = this.#options;
    const loop = this.#loop;
    this.#loop = undefined;
    this.#asked.abort(reason ?? new VaultError("CANCELLED", `Session ${session} is not saved: the client stops.`));
    this.#asked = new AbortController();
    await loop?.stop();
    await saver.idle();
  }

  /**
   * Saves a last time, within `finalSaveTimeoutMs`.
   * @param atRest waits for the browser to end, and no longer than it is told
   */
  async last(atRest: (limitMs: number) => Promise<void>): Promise<void> {
    const { saver, session, finalSaveTimeoutMs } = this.#options;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(tooLate(session, finalSaveTimeoutMs)), finalSaveTimeoutMs);
    try {
      await atRest(Math.min(BROWSER_EXIT_MS, finalSaveTimeoutMs / 2));
      // A browser that closes writes Local Storage out: before that there may be nothing to save that could come back.
      const hasCredentials = await saver.hasCredentials(late.signal).catch(() => true);
      if (!hasCredentials) await atRest(finalSaveTimeoutMs / 4);
      await saver.next(late.signal);
    } finally {
      clearTimeout(timer);
    }
  }
}

function tooLate(session: string, limitMs: number): VaultError {
  return new VaultError("UNAVAILABLE", `The last save of ${session} took longer than ${limitMs} ms.`, {
    hint: "What was saved before is kept, and so is the local profile. Raise `finalSaveTimeoutMs` where there is time.",
  });
}
