import { statSync } from "node:fs";
import { withDeadline, withSignal } from "../../async/deadline.ts";
import { Mutex } from "../../async/mutex.ts";
import { isVaultError, VaultError } from "../../errors.ts";
import { captureProfile } from "../../profile/capture/capture.ts";
import { StaleRead } from "../../profile/capture/errors.ts";
import { CheckedFiles } from "../../profile/checked-files.ts";
import type { Capture, CaptureFile, ProfileFacts, SaveReport } from "../../store.ts";
import { saveLine } from "../lines.ts";
import type { OpenedProfile, OpenOptions } from "../local/opened-profile.ts";
import { Provenance } from "../local/provenance.ts";
import type { StoredVersion } from "../store/store-session.ts";
import { warnOfStrangers } from "../stranger-warnings.ts";
import { CredentialsCheck } from "./credentials.ts";

export interface ProfileSaverOptions extends Pick<OpenOptions, "store" | "session" | "dir" | "onWarning"> {
  /** When READY was first seen, by `performance.now()`; `undefined` while the session is not linked. */
  readonly linkedSince: () => number | undefined;
  /** Whether a browser may be writing to the profile. */
  readonly browserRuns: () => boolean;
  /** WhatsApp id of the linked phone; `undefined` while it is not known. */
  readonly wid: () => string | undefined;
  /** Called with the report of every save. Must not throw. */
  readonly onSaved: (report: SaveReport) => void;
  /** Called with errors beside a save that succeeded. Must not throw. */
  readonly onError: (error: unknown) => void;
}

type StartedProfile = Pick<OpenedProfile, "history" | "profile" | "checked"> & Partial<OpenedProfile>;

/** The longest time that a rollback may delay the QR, in ms. */
const ROLLBACK_LIMIT_MS = 30_000;

/** Captures the profile and stores it, one save at a time, as long as the session is linked. */
export class ProfileSaver {
  readonly provenance: Provenance;
  readonly #options: ProfileSaverOptions;
  /** The storages that a capture must have, because the stored session has them. */
  #expected: ProfileFacts = {};
  /** The files that the last save stored: an unchanged file need not be copied again. */
  #stored: readonly Pick<CaptureFile, "path" | "identity">[] = [];
  /** Files of the profile that this process has checked. */
  #checked = new CheckedFiles();
  #credentials: CredentialsCheck;
  readonly #saves: Mutex = new Mutex();
  /** The newest save on request that has not begun. */
  #next: Promise<SaveReport> | undefined;

  constructor(options: ProfileSaverOptions) {
    this.#options = options;
    this.provenance = new Provenance(options.session, options.dir);
    this.#credentials = new CredentialsCheck(options, this.#checked);
  }

  /** The profile was opened. */
  start(opened: StartedProfile): void {
    const { profile, checked } = opened;
    this.provenance.start(opened);
    this.#expected = profile;
    this.#stored = [];
    this.#checked = checked;
    this.#credentials = new CredentialsCheck(this.#options, checked);
  }

  /** The page asks for a link: the credentials on disk now do not belong to the next link. Never rejects. */
  async expectNewLink(signal: AbortSignal): Promise<void> {
    this.provenance.beginLink();
    const credentialsHash = await this.#credentials.expectNewLink(signal);
    await this.provenance.noteRefused(credentialsHash).catch(this.#options.onError);
  }

  /**
   * A page that was linked asks for a link: its credentials may have been gone when the last saves were made. Rolls the
   * store back to the newest generation before those saves, if the store keeps one.
   * @throws `UNAVAILABLE` after 30 s; the errors of the store
   */
  async rollBack(signal: AbortSignal): Promise<void> {
    const { store, session } = this.#options;
    const trusted = this.provenance.rollbackCandidates();
    if (trusted.length === 0) return;
    const expired = (cause: unknown): VaultError => {
      const hint = `The last saves may lack the credentials: roll back to generation ${trusted.at(-1)?.generation}.`;
      const message = `Could not roll back the last saves of ${session} within ${ROLLBACK_LIMIT_MS} ms.`;
      return new VaultError("UNAVAILABLE", message, { cause, hint });
    };
    const found = await withDeadline({ limitMs: ROLLBACK_LIMIT_MS, signal, expired }, (limited) =>
      withSignal(store.rollBack(trusted, limited), limited),
    );
    if (found === undefined) return;
    this.#stored = [];
    await this.provenance.rolledBack(found);
  }

  /**
   * The profile of an older version is ready: makes that version the current one, unless a save of this run is newer.
   * Nothing is deleted.
   * @returns whether the version is the current one now
   */
  async makeCurrent(version: StoredVersion, signal: AbortSignal): Promise<boolean> {
    return await this.#saves.run(async () => {
      if (version.generation === undefined || this.provenance.newest?.id !== version.id) return false;
      return (await this.#options.store.rollBack([version], signal)) !== undefined;
    }, signal);
  }

  /** From now on the profile is a descendant of no stored version, also on disk. */
  async forget(): Promise<void> {
    this.#expected = {};
    this.#stored = [];
    await this.provenance.clear();
  }

  /** Whether the credentials of the session are on disk already. */
  async hasCredentials(signal: AbortSignal): Promise<boolean> {
    return await this.#credentials.areOnDisk(signal);
  }

  /**
   * Saves now, or after a save under way; calls before that save begins share it.
   * @param waitMs how long it waits for saves of other sessions, in milliseconds. @default a minute
   */
  async next(signal: AbortSignal, waitMs?: number): Promise<SaveReport> {
    this.#next ??= this.#saves.run(async () => {
      const leave = await saveLine.enter(signal, waitMs).finally(() => {
        this.#next = undefined;
      });
      return (await this.#save(signal, false).finally(leave)) as SaveReport;
    });
    return await this.#next;
  }

  /**
   * Saves if the session is linked and its credentials are on disk.
   * @returns `undefined` when it is not, or the profile could not be captured yet: nothing was saved
   */
  async nextWhenReady(signal: AbortSignal): Promise<SaveReport | undefined> {
    return await this.#saves.run(async () =>
      this.#options.linkedSince() === undefined
        ? undefined
        : await saveLine.run(() => this.#save(signal, true), signal),
    );
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
      // A browser wrote into a database that was not copied, and the store read that database.
      this.#stored = [];
      return await this.#attempt(true, signal, onlyReady);
    }
  }

  /** @param live whether a browser may be writing */
  async #attempt(live: boolean, signal: AbortSignal, onlyReady: boolean): Promise<SaveReport | undefined> {
    this.#mustBeLinked();
    const directory = directoryIdentity(this.#options.dir);
    const capture = await this.#capture(live, signal, onlyReady);
    if (capture === undefined) return undefined;
    try {
      if (!onlyReady) await this.#mustHaveCredentials(capture);
      else if (!(await this.#credentials.areIn(capture))) return undefined;
      return await this.#store(capture, directory, signal);
    } finally {
      await capture.close();
    }
  }

  /** @returns `undefined` when the storage of a new profile is not on disk yet and the save may wait */
  async #capture(live: boolean, signal: AbortSignal, mayWait: boolean): Promise<Capture | undefined> {
    const [checked, stored] = [this.#checked, this.#stored];
    const expected = mayWait ? {} : this.#expected;
    try {
      const { dir, session, onWarning } = this.#options;
      const onStrangers = (paths: readonly string[]): void => warnOfStrangers(onWarning, session, paths);
      return await captureProfile(dir, { expected, stored, checked, live, onStrangers, signal });
    } catch (error) {
      if (mayWait && isVaultError(error, "UNAVAILABLE")) return undefined;
      throw error;
    }
  }

  async #store(capture: Capture, directory: string, signal: AbortSignal): Promise<SaveReport> {
    const { store, wid, onSaved, onError } = this.#options;
    const report = await store.save(capture, {
      stored: this.provenance.newest?.id,
      wid: wid(),
      // After a logout, or in place of another profile, during the upload: the capture must not become the session.
      beforeCommit: () => {
        this.#mustBeLinked();
        this.#mustBeSameDirectory(directory);
      },
      signal,
    });
    const { id, generation } = report;
    this.provenance.saved(generation > 0 ? { id, generation } : { id });
    this.#expected = capture.profile;
    this.#stored = capture.files.map(({ path, identity }) => (identity === undefined ? { path } : { path, identity }));
    await this.provenance.persist(capture.files, signal).catch((error) => {
      // Without time for it the marker keeps the version before, and the next start restores this save.
      if (!signal.aborted) onError(error);
    });
    onSaved(report);
    return report;
  }

  #mustBeLinked(): void {
    if (this.#options.linkedSince() !== undefined) return;
    throw new VaultError("INVALID", `Session ${this.#options.session} is not saved: it is not linked.`, {
      hint: "Saves are made between `ready` and the first disconnect or logout.",
    });
  }

  /** Files of two profiles must not become one session. */
  #mustBeSameDirectory(directory: string): void {
    const { session, dir } = this.#options;
    if (directoryIdentity(dir) === directory) return;
    throw new VaultError("UNAVAILABLE", `Session ${session} is not saved: its profile was replaced meanwhile.`, {
      hint: `Something else moves ${dir}: run one process per session.`,
    });
  }

  async #mustHaveCredentials(capture: Capture): Promise<void> {
    // A first save of any profile is better than none; unchanged files had their credentials at the save before.
    if (this.provenance.newest === undefined || (this.#credentials.arePresent && isStored(capture, this.#stored)))
      return;
    await this.#credentials.mustBeIn(capture, this.#options.linkedSince() ?? 0);
  }
}

/** Whether no file has changed since it was stored. */
function isStored(capture: Capture, stored: readonly Pick<CaptureFile, "path" | "identity">[]): boolean {
  const known = new Map(stored.map(({ path, identity }) => [path, identity]));
  return capture.files.every(({ path, identity }) => identity !== undefined && known.get(path) === identity);
}

/** Identity of the directory at `dir`: another one for a directory that has taken its place. */
function directoryIdentity(dir: string): string {
  const found = statSync(dir, { bigint: true, throwIfNoEntry: false });
  return `${found?.dev} ${found?.ino}`;
}
