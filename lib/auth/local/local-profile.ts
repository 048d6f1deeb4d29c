import { readdir } from "node:fs/promises";
import { codeOf } from "../../disk/errors.ts";
import { isVaultError } from "../../errors.ts";
import { CheckedFiles } from "../../profile/checked-files.ts";
import type { Credentials } from "../../profile/credentials.ts";
import { repairProfile } from "../../profile/repair.ts";
import { damaged, firstProblem, type VerifyReport, verifyProfile } from "../../profile/verify.ts";
import type { ProfileFacts } from "../../store.ts";
import { credentialsAtRest } from "../saving/credentials.ts";
import type { RemoteSession, StoredVersion } from "../store/store-session.ts";
import { type Marker, readMarker } from "./marker.ts";

export interface InspectOptions {
  /** Path of the profile. */
  readonly dir: string;
  readonly session: string;
  readonly signal: AbortSignal;
  /** Id of a version whose profile was refused although its marker may not say so. */
  readonly refused?: string | undefined;
  /** Files of the profile that this process has checked; gets those that are checked now. @default none were */
  readonly checked?: CheckedFiles;
}

/** The local profile as a start finds it on disk. */
export class LocalProfile {
  readonly marker: Marker | undefined;
  readonly profile: ProfileFacts;
  readonly empty: boolean;
  /** The reason why the profile must not be opened; `undefined` when the profile verifies. */
  readonly problem: string | undefined;
  /** What a person can do about the problem, if that is known. */
  readonly hint: string | undefined;
  /** Paths beside the storage that are no part of it. */
  readonly strangers: readonly string[];
  /** The files that the inspection has checked. */
  readonly checked: CheckedFiles;
  /** Whether a page has asked for a link in this profile since its newest version. */
  readonly isRefused: boolean;
  readonly #dir: string;
  readonly #session: string;
  #credentials: Credentials | undefined;

  private constructor(
    dir: string,
    session: string,
    report: VerifyReport,
    found: Pick<LocalProfile, "marker" | "checked" | "isRefused">,
  ) {
    this.#dir = dir;
    this.#session = session;
    this.profile = report.profile;
    this.empty = report.empty;
    this.problem = firstProblem(report);
    this.hint = report.hint;
    this.strangers = report.strangers ?? [];
    this.marker = found.marker;
    this.checked = found.checked;
    this.isRefused = found.isRefused;
  }

  /** The newest stored version that the marker names. */
  get version(): StoredVersion | undefined {
    return this.marker?.history.at(-1);
  }

  /**
   * Cuts off torn ends of logs in the profile at `dir`, and verifies it.
   * @returns `undefined` when there is no profile, or an empty directory
   * @throws the error of the disk
   */
  static async inspect(options: InspectOptions): Promise<LocalProfile | undefined> {
    const { dir, session, signal, refused, checked = new CheckedFiles() } = options;
    const entries = await readdir(dir).catch((error: unknown): string[] => {
      if (codeOf(error) === "ENOENT") return [];
      throw error;
    });
    if (entries.length === 0) return undefined;
    const marker = await readMarker(dir);
    const report = await repairAndVerify(dir, checked, signal);
    return new LocalProfile(dir, session, report, {
      marker,
      checked,
      isRefused: marker?.isSuperseded === true || (refused !== undefined && marker?.history.at(-1)?.id === refused),
    });
  }

  /**
   * How the profile stands to the stored version: `copy` when it descends from that version, `ahead` when it was saved
   * later and the store has lost that save; `undefined` when the profile must not be opened instead of the stored
   * version.
   */
  async standing(
    remote: RemoteSession & { kind: "current" },
    signal: AbortSignal,
  ): Promise<"copy" | "ahead" | undefined> {
    const { marker, version } = this;
    if (marker?.session !== this.#session || this.isRefused) return undefined;
    const isCopy = version?.id === remote.id;
    if (!isCopy && !(this.isAhead(remote) && marker.history.some(({ id }) => id === remote.id))) return undefined;
    // A power failure may take the last writes of the browser, and leave a profile that verifies and shows a QR.
    if (!(await this.isLinked(signal))) return undefined;
    return isCopy ? "copy" : "ahead";
  }

  /** The versions before the version with this id. */
  ancestorsOf(id: string): readonly StoredVersion[] {
    const known = this.marker?.history ?? [];
    return known.slice(
      0,
      known.findIndex((version) => version.id === id),
    );
  }

  /** The highest entry number that was seen in the store's log, when the store has only lower numbers now. */
  entrySeen({ entry }: RemoteSession): number | undefined {
    const seen = this.marker?.entry;
    // The newest entry is that of this start's lease. A log that has no other is a new store, as after a move.
    if (seen === undefined || entry === undefined || entry === 1 || this.marker?.session !== this.#session) return;
    return entry <= seen ? seen : undefined;
  }

  /** Whether the store has lost the generation of the profile, as after a restore of the store's backup. */
  isAhead({ entry }: RemoteSession): boolean {
    const generation = this.version?.generation;
    if (entry === undefined || generation === undefined || this.empty) return false;
    // If the newest entry has the number of the generation, it is the entry of this start's lease.
    return this.marker?.session === this.#session && generation >= entry;
  }

  /**
   * Whether the profile is of the session that was deleted: its marker names a generation of this log from before the
   * deletion, and no link has come since. Without such a marker nothing can tell.
   */
  async isOfDeleted(remote: RemoteSession & { kind: "deleted" }, signal: AbortSignal): Promise<boolean> {
    const { marker, version } = this;
    if (marker?.session !== this.#session) return false;
    // What WhatsApp has refused is not known: it may have been a page without credentials, which was linked then.
    const mayBeNew = marker.isSuperseded && marker.refusedCredentials === undefined && (await this.isLinked(signal));
    if (mayBeNew || (await this.mayBeOnlyCopy(signal))) return false;
    // A profile of which the store has lost a generation has no number; a version of another kind of store has none either.
    if (version?.generation === undefined && !marker.isUnsaved) return false;
    return !this.isAhead(remote);
  }

  /** Whether the profile may be the only copy of a session. */
  async mayBeOnlyCopy(signal: AbortSignal): Promise<boolean> {
    const { marker } = this;
    if (marker === undefined) return await this.isLinked(signal);
    if (!marker.isSuperseded || marker.refusedCredentials === undefined) return false;
    // Credentials that were not refused: the profile was linked anew, and the run died before it wrote the marker.
    const hash = await this.#credentialsHash(signal);
    return hash !== undefined && hash !== marker.refusedCredentials;
  }

  /** Whether the profile verifies and carries the credentials of a session. */
  async isLinked(signal: AbortSignal): Promise<boolean> {
    return (await this.#credentialsHash(signal)) !== undefined;
  }

  /** @returns `undefined` when the profile carries no credentials, or must not be opened */
  async #credentialsHash(signal: AbortSignal): Promise<string | undefined> {
    const { indexedDb, localStorage } = this.profile;
    // A session needs both storages: a profile that has lost one of them verifies, and shows a QR.
    if (this.empty || this.problem !== undefined || !indexedDb || !localStorage) return undefined;
    this.#credentials ??= await credentialsAtRest(this.#dir, this.checked, signal);
    return this.#credentials.hasCredentials ? this.#credentials.credentialsHash : undefined;
  }
}

/**
 * Verifies the profile; when something is wrong with it, cuts off torn ends of logs, and verifies it again. Damage that
 * the repair finds is reported as a problem too.
 */
async function repairAndVerify(dir: string, checked: CheckedFiles, signal: AbortSignal): Promise<VerifyReport> {
  try {
    const report = await verifyProfile(dir, { signal, checked });
    // A torn end is a problem: without one there is nothing to cut, and the logs need not be read for it.
    if (report.problems.length === 0) return report;
    const { trimmed } = await repairProfile(dir);
    return trimmed.length === 0 ? report : await verifyProfile(dir, { signal, checked });
  } catch (error) {
    // A disk that does not answer is no damage of the profile: the profile must not be replaced then.
    if (!isVaultError(error, "CORRUPT")) throw error;
    return damaged(error);
  }
}
