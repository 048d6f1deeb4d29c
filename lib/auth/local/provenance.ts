import { withSignal } from "../../async/deadline.ts";
import { Mutex } from "../../async/mutex.ts";
import { SyncedFiles } from "../../profile/synced-files.ts";
import type { CaptureFile } from "../../store.ts";
import type { StoredVersion } from "../store/store-session.ts";
import { removeMarker, writeMarker } from "./marker.ts";
import { VersionHistory } from "./version-history.ts";

/** Which stored versions a profile comes from while it is in use, and the marker in it that tells the next start. */
export class Provenance {
  readonly #session: string;
  readonly #dir: string;
  readonly #synced: SyncedFiles;
  #history = new VersionHistory();
  /** Whether what was saved last, or opened, survives a power failure: a marker says that it does. */
  #isOnDisk = true;
  /** The page asked for a link: until it is linked anew, the stored session is worth more than the profile. */
  #isSuperseded = false;
  /** Whether the marker may say so. */
  #isSupersededOnDisk = false;
  /** Hash of the credentials that were on disk when the page asked for a link, where they are known. */
  #refusedCredentials: string | undefined;
  /** One change of the marker after the other, each of what is known by then. */
  readonly #changes: Mutex = new Mutex();

  /** @param dir the profile */
  constructor(session: string, dir: string) {
    this.#session = session;
    this.#dir = dir;
    this.#synced = new SyncedFiles(dir);
  }

  /** The stored version that the profile is, with what came since; `undefined` when it comes from nothing that is stored. */
  get newest(): StoredVersion | undefined {
    return this.#history.newest;
  }

  /** The profile was opened; its marker is as it should be. @param history oldest first */
  start(history: readonly StoredVersion[]): void {
    this.#history = new VersionHistory(history);
  }

  /** The store now holds what the profile is; {@link persist} says so on disk. */
  saved(version: StoredVersion): void {
    this.#isOnDisk &&= version.id === this.newest?.id;
    this.#history.add(version);
  }

  /** Writes the marker of what was saved, once the profile itself is on disk. */
  async persist(files: readonly Pick<CaptureFile, "path" | "identity">[], signal: AbortSignal): Promise<void> {
    await withSignal(this.#synced.sync(files, signal), signal);
    this.#isOnDisk = true;
    await this.#mark();
  }

  /** Generations that may be rolled back to when the page of this link asks for a new one; see {@link VersionHistory}. */
  rollbackCandidates(): number[] {
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

  /** From now on the store holds nothing that this profile comes from: says so on disk too. */
  async clear(): Promise<void> {
    this.#history = new VersionHistory();
    await this.#changes.run(() => removeMarker(this.#dir));
  }

  /** The page asks for a link: says on disk, for the next start, that the stored session may be worth more. */
  async markSuperseded(): Promise<void> {
    this.#isSuperseded = true;
    await this.#mark();
  }

  /** Adds to {@link markSuperseded} which credentials WhatsApp has refused, where they are known. */
  async noteRefused(credentialsHash: string | undefined): Promise<void> {
    if (!this.#isSuperseded || credentialsHash === undefined) return;
    this.#refusedCredentials = credentialsHash;
    await this.#mark();
  }

  /** The profile is linked: takes {@link markSuperseded} back; again, where the disk refused the last time. */
  async clearSuperseded(): Promise<void> {
    if (!this.#isSuperseded && !this.#isSupersededOnDisk) return;
    this.#isSuperseded = false;
    this.#refusedCredentials = undefined;
    await this.#mark();
  }

  async #mark(): Promise<void> {
    await this.#changes.run(async () => {
      const isSuperseded = this.#isSuperseded;
      // A marker that says that the page asked for a link vouches for nothing.
      if (this.newest === undefined || !(this.#isOnDisk || isSuperseded)) return;
      this.#isSupersededOnDisk ||= isSuperseded;
      await writeMarker(this.#dir, {
        session: this.#session,
        history: this.#history.versions,
        isSuperseded,
        refusedCredentials: this.#refusedCredentials,
      });
      this.#isSupersededOnDisk = isSuperseded;
    });
  }
}
