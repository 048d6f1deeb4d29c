import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../disk/errors.ts";
import { isVaultError } from "../../errors.ts";
import { CheckedFiles } from "../../profile/checked-files.ts";
import type { Credentials } from "../../profile/credentials.ts";
import { repairProfile } from "../../profile/repair.ts";
import { profileFacts } from "../../profile/storage-layout.ts";
import { firstProblem, verifyProfile } from "../../profile/verify.ts";
import type { ProfileFacts } from "../../store.ts";
import { credentialsAtRest } from "../saving/credentials.ts";
import type { RemoteSession, StoredVersion } from "../store/store-session.ts";
import { type Marker, readMarker } from "./marker.ts";

/** A profile as it is found on disk, before anything is decided. */
export class LocalProfile {
  readonly marker: Marker | undefined;
  readonly profile: ProfileFacts;
  readonly empty: boolean;
  /** Why it must not be opened; absent when it verifies. */
  readonly problem: string | undefined;
  /** The files that were checked. */
  readonly checked: CheckedFiles;
  /** When anything of the site's storage was last written. */
  readonly writtenAt: number;
  readonly #dir: string;
  readonly #session: string;
  #credentials: Credentials | undefined;

  private constructor(
    dir: string,
    session: string,
    found: Pick<LocalProfile, "marker" | "profile" | "empty" | "problem" | "writtenAt" | "checked">,
  ) {
    this.#dir = dir;
    this.#session = session;
    this.marker = found.marker;
    this.profile = found.profile;
    this.empty = found.empty;
    this.problem = found.problem;
    this.writtenAt = found.writtenAt;
    this.checked = found.checked;
  }

  /** The stored version that its marker names. */
  get version(): StoredVersion | undefined {
    return this.marker?.history.at(-1);
  }

  /** What is at `dir`, without the torn ends that Chromium would choke on; `undefined` when there is nothing. */
  static async inspect(dir: string, session: string, signal: AbortSignal): Promise<LocalProfile | undefined> {
    let entries: string[];
    try {
      entries = await readdir(dir);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
    if (entries.length === 0) return undefined;
    const marker = await readMarker(dir);
    const checked = new CheckedFiles();
    try {
      await repairProfile(dir);
      const report = await verifyProfile(dir, { signal });
      const problem = firstProblem(report);
      if (problem === undefined) await checked.addVerified(dir);
      return new LocalProfile(dir, session, {
        marker,
        profile: await profileFacts(dir),
        empty: report.empty,
        problem,
        writtenAt: await lastWrite(join(dir, "Default")),
        checked,
      });
    } catch (error) {
      // A disk that does not answer is no damage: nothing is known then, and nothing may be replaced.
      if (!isVaultError(error, "CORRUPT")) throw error;
      const writtenAt = await lastWrite(join(dir, "Default"));
      const problem = error.message;
      return new LocalProfile(dir, session, { marker, profile: {}, empty: false, problem, writtenAt, checked });
    }
  }

  /**
   * Whether it may be opened where this is stored: a `copy` of it, with what came since, or `ahead` of a store that has
   * lost what was saved of it since.
   */
  async standing(
    remote: RemoteSession & { kind: "current" },
    signal: AbortSignal,
  ): Promise<"copy" | "ahead" | undefined> {
    const { marker, version } = this;
    if (marker?.session !== this.#session || marker.isSuperseded) return undefined;
    const isCopy = version?.id === remote.id;
    if (!isCopy && !(this.isAhead(remote) && marker.history.some(({ id }) => id === remote.id))) return undefined;
    // A power failure takes what the browser wrote last, and leaves a profile that verifies and shows a QR.
    if (!(await this.isLinked(signal))) return undefined;
    return isCopy ? "copy" : "ahead";
  }

  /** Whether it was saved as a generation that the store has no entry for any more: the store has gone back in time. */
  isAhead({ entry }: RemoteSession): boolean {
    const generation = this.version?.generation;
    if (entry === undefined || generation === undefined || this.empty) return false;
    // An entry with that very number is the one by which this start has taken the session.
    return this.marker?.session === this.#session && generation >= entry;
  }

  /** Whether it may be a session that exists nowhere else. */
  async isOfItsOwn(signal: AbortSignal): Promise<boolean> {
    const { marker } = this;
    if (marker === undefined) return await this.isLinked(signal);
    if (!marker.isSuperseded || marker.refusedCredentials === undefined) return false;
    // With other credentials than those that were refused it was linked anew, and died before the marker said so.
    const hash = await this.#credentialsHash(signal);
    return hash !== undefined && hash !== marker.refusedCredentials;
  }

  /** Whether it verifies and carries the credentials of a session. */
  async isLinked(signal: AbortSignal): Promise<boolean> {
    return (await this.#credentialsHash(signal)) !== undefined;
  }

  /** @returns `undefined` when it carries no credentials, or must not be opened */
  async #credentialsHash(signal: AbortSignal): Promise<string | undefined> {
    const { indexedDb, localStorage } = this.profile;
    // A session is in both: a profile that has lost one of them verifies, and shows a QR.
    if (this.empty || this.problem !== undefined || !indexedDb || !localStorage) return undefined;
    this.#credentials ??= await credentialsAtRest(this.#dir, this.checked, signal);
    return this.#credentials.hasCredentials ? this.#credentials.credentialsHash : undefined;
  }
}

/** The newest modification below the site's storage folders, in milliseconds since the epoch; 0 when there is none. */
async function lastWrite(defaultDir: string): Promise<number> {
  let newest = 0;
  for (const name of ["IndexedDB", "Local Storage", "LocalStorage", "LocalStorage-wal"]) {
    const top = join(defaultDir, name);
    const below = await readdir(top, { recursive: true }).catch(() => []);
    for (const path of [top, ...below.map((entry) => join(top, entry))]) {
      const found = await lstat(path).catch(() => undefined);
      if (found !== undefined) newest = Math.max(newest, found.mtimeMs);
    }
  }
  return newest;
}
