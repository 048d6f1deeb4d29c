import { isVaultError, VaultError } from "../../errors.ts";
import { captureProfile } from "../../profile/capture/capture.ts";
import { CheckedFiles } from "../../profile/checked-files.ts";
import { type Credentials, captureCredentials, probeCredentials } from "../../profile/credentials.ts";
import type { Capture } from "../../store.ts";

/** How long after READY a save refuses to replace a stored session by a profile without credentials, in ms. */
const MISSING_LIMIT_MS = 60_000;
/** The same after a new link in an old profile: Local Storage may have its old content for minutes. */
const RELINKED_LIMIT_MS = 600_000;
/** The same since credentials were last seen on disk: within this time a page that has lost them asks for a link. */
const GONE_LIMIT_MS = 600_000;

/** Tells whether the credentials of a session are on disk, and whether a capture without them may be saved. */
export class CredentialsCheck {
  readonly #session: string;
  readonly #dir: string;
  readonly #checked: CheckedFiles;
  #present = false;
  /** When credentials of this link were last found, by `performance.now()`. */
  #presentAt: number | undefined;
  /** Hash of the credentials of the link before, which may still be on disk. */
  #refused: string | undefined;

  /** @param checked files of the profile that need not be checked again */
  constructor({ session, dir }: { session: string; dir: string }, checked: CheckedFiles = new CheckedFiles()) {
    this.#session = session;
    this.#dir = dir;
    this.#checked = checked;
  }

  /** Whether the last look found credentials of this link. */
  get arePresent(): boolean {
    return this.#present;
  }

  /**
   * The page asks for a link: the credentials on disk now do not belong to the next link. Never rejects.
   * @returns the hash of the credentials on disk; `undefined` when there are none, or they cannot be read
   */
  async expectNewLink(signal: AbortSignal): Promise<string | undefined> {
    this.#present = false;
    this.#presentAt = undefined;
    const none = { credentialsHash: undefined };
    const { credentialsHash } = await probeCredentials(this.#dir, { checked: this.#checked, signal }).catch(() => none);
    this.#refused = credentialsHash;
    return credentialsHash;
  }

  /** Whether credentials of this link are on disk. */
  async areOnDisk(signal: AbortSignal): Promise<boolean> {
    if (!this.#present) this.#note(await probeCredentials(this.#dir, { checked: this.#checked, signal }));
    return this.#present;
  }

  /** Whether a capture has credentials of this link. */
  async areIn(capture: Capture): Promise<boolean> {
    this.#note(await captureCredentials(capture, this.#checked));
    return this.#present;
  }

  /**
   * Keeps a capture without credentials, not yet written or lost, from replacing the stored session.
   * @param linkedSince when READY was seen, by `performance.now()`
   * @throws `UNAVAILABLE` when the capture has no credentials, and a later capture may have them
   */
  async mustBeIn(capture: Capture, linkedSince: number): Promise<void> {
    const werePresent = this.#presentAt !== undefined;
    const found = await captureCredentials(capture, this.#checked);
    this.#note(found);
    const since = Math.max(linkedSince, this.#presentAt ?? linkedSince);
    if (this.#present || performance.now() - since > this.#limitMs()) return;
    const reason = found.hasCredentials ? "Local Storage still has the credentials of the link before" : found.reason;
    const message = `Session ${this.#session} is not saved${werePresent ? "" : " yet"}: ${reason}.`;
    const hint = werePresent
      ? "The login was there before: the page may have lost it. The stored session stays as it is."
      : "Chromium writes its storage some seconds late; the next save will have the login.";
    throw new VaultError("UNAVAILABLE", message, { hint });
  }

  #limitMs(): number {
    if (this.#presentAt !== undefined) return GONE_LIMIT_MS;
    return this.#refused === undefined ? MISSING_LIMIT_MS : RELINKED_LIMIT_MS;
  }

  #note({ hasCredentials, credentialsHash }: Credentials): void {
    this.#present = hasCredentials && (this.#refused === undefined || credentialsHash !== this.#refused);
    if (this.#present) this.#presentAt = performance.now();
  }
}

/**
 * The credentials of a profile that no browser has open.
 * @throws the error of the disk: nothing is known then
 */
export async function credentialsAtRest(dir: string, checked: CheckedFiles, signal: AbortSignal): Promise<Credentials> {
  let capture: Capture;
  try {
    capture = await captureProfile(dir, { live: false, checked, signal });
  } catch (error) {
    if (!isVaultError(error, "CORRUPT")) throw error;
    return { hasCredentials: false, reason: error.message };
  }
  try {
    return await captureCredentials(capture, checked);
  } finally {
    await capture.close();
  }
}
