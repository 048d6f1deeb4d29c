import { withSignal } from "../../async/deadline.ts";
import { Mutex } from "../../async/mutex.ts";
import { SyncedFiles } from "../../profile/synced-files.ts";
import type { CaptureFile } from "../../store.ts";
import type { StoredVersion } from "../store/store-session.ts";
import { isMarkedAs, type Marker, removeMarker, writeMarker } from "./marker.ts";
import { VersionHistory } from "./version-history.ts";

/** The stored versions that a profile in use descends from, and the marker in it that tells them to the next start. */
export class Provenance {
  readonly #session: string;
  readonly #dir: string;
  readonly #synced: SyncedFiles;
  #history = new VersionHistory();
  /** Whether the newest version of the profile would survive a power failure: only then a marker may name it. */
  #isOnDisk = true;
  /** The page asked for a link: until the next link the stored session is better than the profile. */
  #isSuperseded = false;
  /** Whether the marker on disk may say that the profile is superseded. */
  #isSupersededOnDisk = false;
  /** Hash of the credentials that were on disk when the page asked for a link; `undefined` when they are not known. */
  #refusedCredentials: string | undefined;
  /** Whether no store has the profile as it is. */
  #isUnsaved = false;
  /** The highest number of a log entry that was seen; `undefined` for a store without a log. */
  #entry: number | undefined;
  /** The marker that this process has written last, as text. */
  #written: string | undefined;
  /** Makes the changes of the marker one at a time. */
  readonly #changes: Mutex = new Mutex();

  /** @param dir path of the profile */
  constructor(session: string, dir: string) {
    this.#session = session;
    this.#dir = dir;
    this.#synced = new SyncedFiles(dir);
  }

  /** The newest stored version that the profile descends from; `undefined` when there is none. */
  get newest(): StoredVersion | undefined {
    return this.#history.newest;
  }

  /** The profile was opened, with a marker that says the same. */
  start({ history, isUnsaved = false, entry }: Pick<Marker, "history"> & Partial<Marker>): void {
    this.#history = new VersionHistory(history);
    this.#isUnsaved = isUnsaved;
    this.#entry = entry;
  }

  /** The profile was saved as `version`; {@link persist} writes the marker. */
  saved(version: StoredVersion): void {
    this.#isOnDisk &&= version.id === this.newest?.id;
    this.#history.add(version);
    this.#isUnsaved = false;
    const { generation } = version;
    if (generation !== undefined) this.#entry = Math.max(generation, this.#entry ?? 0);
  }

  /** Syncs the files of the last save to disk, and then writes the marker. */
  async persist(files: readonly Pick<CaptureFile, "path" | "identity">[], signal: AbortSignal): Promise<void> {
    await withSignal(this.#synced.sync(files, signal), signal);
    this.#isOnDisk = true;
    await this.#mark();
  }

  /** Versions to which the store may be rolled back now; see {@link VersionHistory.rollbackCandidates}. */
  rollbackCandidates(): StoredVersion[] {
    return this.#history.rollbackCandidates();
  }

  /** The store was rolled back. A later link is not a descendant of the generations that were rolled back. */
  async rolledBack(to: StoredVersion): Promise<void> {
    this.#history.goBack(to);
    await this.#mark();
  }

  /** The link of the page is over: its versions are no candidates for a rollback of the next one. */
  beginLink(): void {
    this.#history.beginLink();
  }

  /** From now on the profile is a descendant of no stored version, also on disk. */
  async clear(): Promise<void> {
    this.#history = new VersionHistory();
    await this.#changes.run(async () => {
      this.#written = undefined;
      await removeMarker(this.#dir);
    });
  }

  /** The page asks for a link: records on disk, for the next start, that the stored session may be better. */
  async markSuperseded(): Promise<void> {
    this.#isSuperseded = true;
    await this.#mark();
  }

  /** Adds the hash of the credentials that WhatsApp has refused to the record of {@link markSuperseded}. */
  async noteRefused(credentialsHash: string | undefined): Promise<void> {
    if (!this.#isSuperseded || credentialsHash === undefined) return;
    this.#refusedCredentials = credentialsHash;
    await this.#mark();
  }

  /** The profile is linked: reverts {@link markSuperseded}, and tries again after an error of the disk. */
  async clearSuperseded(): Promise<void> {
    if (!this.#isSuperseded && !this.#isSupersededOnDisk) return;
    this.#isSuperseded = false;
    this.#refusedCredentials = undefined;
    await this.#mark();
  }

  async #mark(): Promise<void> {
    await this.#changes.run(async () => {
      const isSuperseded = this.#isSuperseded;
      // A superseded marker may be written at once: no start prefers the profile to the stored version because of it.
      if (this.newest === undefined || !(this.#isOnDisk || isSuperseded)) return;
      this.#isSupersededOnDisk ||= isSuperseded;
      const marker = {
        session: this.#session,
        history: this.#history.versions,
        isSuperseded,
        refusedCredentials: this.#refusedCredentials,
        isUnsaved: this.#isUnsaved,
        entry: this.#entry,
      };
      // A marker that this process has brought to disk, and that is still there, costs no sync again.
      const text = JSON.stringify(marker);
      if (this.#written !== text || !(await isMarkedAs(this.#dir, marker).catch(() => false))) {
        this.#written = undefined;
        await writeMarker(this.#dir, marker);
        this.#written = text;
      }
      this.#isSupersededOnDisk = isSuperseded;
    });
  }
}
