import { statSync } from "node:fs";
import { withDeadline, withSignal } from "../../async/deadline.ts";
import { Mutex } from "../../async/mutex.ts";
import { isVaultError, VaultError } from "../../errors.ts";
import { captureProfile } from "../../profile/capture/capture.ts";
import { StaleRead } from "../../profile/capture/errors.ts";
import { CheckedFiles } from "../../profile/checked-files.ts";
import type { Capture, CaptureFile, ProfileFacts, SaveReport } from "../../store.ts";
import type { OpenedProfile } from "../local/choose-profile.ts";
import { Provenance } from "../local/provenance.ts";
import type { StoreSession } from "../store/store-session.ts";
import { CredentialsCheck } from "./credentials.ts";

/** What the saves of one run need to know. */
export interface ProfileSaverOptions {
  readonly store: StoreSession;
  readonly session: string;
  /** The profile. */
  readonly dir: string;
  /** When READY was first seen, by `performance.now()`; `undefined` while the session is not linked. */
  readonly linkedSince: () => number | undefined;
  /** Whether a browser may be writing. */
  readonly browserRuns: () => boolean;
  /** Whose phone it is. */
  readonly wid: () => string | undefined;
  /** Hears of every save. Must not throw. */
  readonly onSaved: (report: SaveReport) => void;
  /** Hears of what went wrong beside a save that succeeded. Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** The longest that going back may keep the QR waiting, in ms. */
const GO_BACK_LIMIT_MS = 30_000;

/** Captures the profile and stores it, one save at a time, as long as the session is linked. */
export class ProfileSaver {
  readonly #options: ProfileSaverOptions;
  readonly #provenance: Provenance;
  /** What the profile must have, because the store has it. */
  #expected: ProfileFacts = {};
  /** What the last save stored: it need not be checked or copied again while it does not change. */
  #stored: readonly Pick<CaptureFile, "path" | "identity">[] = [];
  /** Files of the profile that this process has checked. */
  #checked = new CheckedFiles();
  #credentials: CredentialsCheck;
  readonly #saves: Mutex = new Mutex();
  /** The save that was asked for last, while it has not begun. */
  #next: Promise<SaveReport> | undefined;

  constructor(options: ProfileSaverOptions) {
    this.#options = options;
    this.#provenance = new Provenance(options.session, options.dir);
    this.#credentials = new CredentialsCheck(options);
  }

  /** The profile was opened. */
  start({ history, profile, checked }: Pick<OpenedProfile, "history" | "profile" | "checked">): void {
    this.#provenance.start(history);
    this.#expected = profile;
    this.#stored = [];
    this.#checked = checked;
    this.#credentials = new CredentialsCheck(this.#options, checked);
  }

  /** The page asks for a link: what is on disk now is not the session that is linked next. Never rejects. */
  async expectNewLink(signal: AbortSignal): Promise<void> {
    this.#provenance.beginLink();
    const credentialsHash = await this.#credentials.expectNewLink(signal);
    await this.#provenance.noteRefused(credentialsHash).catch(this.#options.onError);
  }

  /**
   * A page that was linked asks for a link: its credentials may have been gone when the last saves were made. What is
   * stored is then again what came before those, where the store keeps that.
   */
  async rollBack(signal: AbortSignal): Promise<void> {
    const { store, session } = this.#options;
    const trusted = this.#provenance.rollbackCandidates();
    if (trusted.length === 0) return;
    const expired = (cause: unknown): VaultError => {
      const hint = `The last saves may lack the credentials: roll back to generation ${trusted.at(-1)}.`;
      const message = `Could not go back from the last saves of ${session} within ${GO_BACK_LIMIT_MS} ms.`;
      return new VaultError("UNAVAILABLE", message, { cause, hint });
    };
    const found = await withDeadline({ limitMs: GO_BACK_LIMIT_MS, signal, expired }, (limited) =>
      withSignal(store.rollBack(trusted, limited), limited),
    );
    if (found === undefined) return;
    this.#stored = [];
    await this.#provenance.rolledBack(found);
  }

  /** From now on the store holds nothing that this profile descends from: says so on disk too. */
  async forget(): Promise<void> {
    this.#expected = {};
    this.#stored = [];
    await this.#provenance.clear();
  }

  /** The page asks for a link: says on disk, for the next start, that the stored session may be worth more. */
  async markSuperseded(): Promise<void> {
    await this.#provenance.markSuperseded();
  }

  /** The profile is linked: takes {@link markSuperseded} back. */
  async clearSuperseded(): Promise<void> {
    await this.#provenance.clearSuperseded();
  }

  /** Whether the credentials of the session are on disk already. */
  async hasCredentials(signal: AbortSignal): Promise<boolean> {
    return await this.#credentials.look(signal);
  }

  /** Saves now, or after the save that is under way; callers that come meanwhile share that next one. */
  async next(signal: AbortSignal): Promise<SaveReport> {
    this.#next ??= this.#saves.run(async () => {
      this.#next = undefined;
      return (await this.#save(signal, false)) as SaveReport;
    });
    return await this.#next;
  }

  /** Saves if the credentials are on disk. @returns `undefined` when they are not, and nothing was saved */
  async nextWhenReady(signal: AbortSignal): Promise<SaveReport | undefined> {
    return await this.#saves.run(() => this.#save(signal, true));
  }

  /** Resolves when no save is under way. Never rejects. */
  async idle(): Promise<void> {
    do await this.#saves.idle();
    while (this.#next !== undefined);
  }

  /** @returns `undefined` when the capture is not ready and {@link nextWhenReady} asked for it */
  async #save(signal: AbortSignal, onlyReady: boolean): Promise<SaveReport | undefined> {
    try {
      return await this.#attempt(this.#options.browserRuns(), signal, onlyReady);
    } catch (error) {
      if (!(error instanceof StaleRead)) throw error;
      // A browser wrote into a database that was not copied, and the store has asked for it all the same.
      this.#stored = [];
      return await this.#attempt(true, signal, onlyReady);
    }
  }

  /** @param live whether a browser may be writing */
  async #attempt(live: boolean, signal: AbortSignal, onlyReady: boolean): Promise<SaveReport | undefined> {
    this.#mustBeLinked();
    const place = placeOf(this.#options.dir);
    const capture = await this.#capture(live, signal, onlyReady);
    if (capture === undefined) return undefined;
    try {
      if (!onlyReady) await this.#mustHaveCredentials(capture);
      else if (!(await this.#credentials.areIn(capture))) return undefined;
      return await this.#store(capture, place, signal);
    } finally {
      await capture.close();
    }
  }

  /** @returns `undefined` when the storage of a young profile is not there yet and it may wait */
  async #capture(live: boolean, signal: AbortSignal, mayWait: boolean): Promise<Capture | undefined> {
    const [checked, stored] = [this.#checked, this.#stored];
    const expected = mayWait ? {} : this.#expected;
    try {
      return await captureProfile(this.#options.dir, { expected, stored, checked, live, signal });
    } catch (error) {
      if (mayWait && isVaultError(error, "UNAVAILABLE")) return undefined;
      throw error;
    }
  }

  async #store(capture: Capture, place: string, signal: AbortSignal): Promise<SaveReport> {
    const { store, wid, onSaved } = this.#options;
    const report = await store.save(capture, {
      stored: this.#provenance.newest?.id,
      wid: wid(),
      // A logout, or another profile, while the capture was on its way: what was captured must not become the session.
      beforeCommit: () => {
        this.#mustBeLinked();
        this.#mustBeAt(place);
      },
      signal,
    });
    const { id, generation } = report;
    this.#provenance.saved(generation > 0 ? { id, generation } : { id });
    this.#expected = capture.profile;
    this.#stored = capture.files.map(({ path, identity }) => (identity === undefined ? { path } : { path, identity }));
    await this.#persistProvenance(capture, signal);
    onSaved(report);
    return report;
  }

  /** Says on disk what was saved once the profile itself is there. Never rejects: the save is made. */
  async #persistProvenance(capture: Capture, signal: AbortSignal): Promise<void> {
    try {
      await this.#provenance.persist(capture.files, signal);
    } catch (error) {
      // Without time for it the marker stays that of the save before, and the next start restores this one.
      if (!signal.aborted) this.#options.onError(error);
    }
  }

  #mustBeLinked(): void {
    if (this.#options.linkedSince() !== undefined) return;
    throw new VaultError("INVALID", `Session ${this.#options.session} is not saved: it is not linked.`, {
      hint: "Saves are made between `ready` and the first disconnect or logout.",
    });
  }

  /** Parts of two profiles must not become one session. */
  #mustBeAt(place: string): void {
    const { session, dir } = this.#options;
    if (placeOf(dir) === place) return;
    throw new VaultError("UNAVAILABLE", `Session ${session} is not saved: its profile was replaced meanwhile.`, {
      hint: `Something else moves ${dir}: run one process per session.`,
    });
  }

  async #mustHaveCredentials(capture: Capture): Promise<void> {
    // Something stored beats nothing; and what is stored already was looked at.
    if (this.#provenance.newest === undefined || (this.#credentials.arePresent && isStored(capture, this.#stored)))
      return;
    await this.#credentials.mustBeIn(capture, this.#options.linkedSince() ?? 0);
  }
}

/** Whether every file is what it was when it was stored. */
function isStored(capture: Capture, stored: readonly Pick<CaptureFile, "path" | "identity">[]): boolean {
  const known = new Map(stored.map(({ path, identity }) => [path, identity]));
  return capture.files.every(({ path, identity }) => identity !== undefined && known.get(path) === identity);
}

/** Tells the directory at `dir` from another one that has come in its place. */
function placeOf(dir: string): string {
  const found = statSync(dir, { bigint: true, throwIfNoEntry: false });
  return `${found?.dev} ${found?.ino}`;
}
