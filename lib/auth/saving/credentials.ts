import { isVaultError, VaultError } from "../../errors.ts";
import { captureProfile } from "../../profile/capture/capture.ts";
import { CheckedFiles } from "../../profile/checked-files.ts";
import { type Credentials, captureCredentials, probeCredentials } from "../../profile/credentials.ts";
import type { Capture } from "../../store.ts";

/** How long after READY a save refuses to replace a stored session by storage without credentials, in ms. */
const MISSING_LIMIT_MS = 60_000;
/** The same after a new link in an old profile: Chromium may write Local Storage minutes late, and is told by its content. */
const RELINKED_LIMIT_MS = 600_000;
/** The same after its credentials were seen on disk: by then a page that has lost them has asked for a link. */
const GONE_LIMIT_MS = 600_000;

/** Looks whether a profile carries the credentials of its session on disk, and what may be saved when it does not. */
export class CredentialsCheck {
  readonly #session: string;
  readonly #dir: string;
  readonly #checked: CheckedFiles;
  /** Whether they were there when they were last looked for. */
  #present = false;
  /** When they last were. */
  #presentAt: number | undefined;
  /** Hash of the credentials that are on disk and are not those of this session. */
  #refused: string | undefined;

  /** @param checked files of the profile that need not be checked again */
  constructor({ session, dir }: { session: string; dir: string }, checked: CheckedFiles = new CheckedFiles()) {
    this.#session = session;
    this.#dir = dir;
    this.#checked = checked;
  }

  /** Whether they were there when they were last looked for. */
  get arePresent(): boolean {
    return this.#present;
  }

  /**
   * The page asks for a link: what is on disk now is not the session that is linked next. Never rejects.
   * @returns the hash of the credentials on disk, where there are any that can be read
   */
  async expectNewLink(signal: AbortSignal): Promise<string | undefined> {
    this.#present = false;
    this.#presentAt = undefined;
    const none = { credentialsHash: undefined };
    const { credentialsHash } = await probeCredentials(this.#dir, { checked: this.#checked, signal }).catch(() => none);
    this.#refused = credentialsHash;
    return credentialsHash;
  }

  /** Whether they are on disk. */
  async look(signal: AbortSignal): Promise<boolean> {
    if (!this.#present) this.#note(await probeCredentials(this.#dir, { checked: this.#checked, signal }));
    return this.#present;
  }

  /** Whether a capture has them. */
  async areIn(capture: Capture): Promise<boolean> {
    this.#note(await captureCredentials(capture));
    return this.#present;
  }

  /**
   * What has no credentials on disk, yet or any more, must not take the place of what is stored.
   * @param linkedSince when READY was seen, by `performance.now()`
   * @throws `UNAVAILABLE` when it has none, and may have them with the next try
   */
  async mustBeIn(capture: Capture, linkedSince: number): Promise<void> {
    const werePresent = this.#presentAt !== undefined;
    const found = await captureCredentials(capture);
    this.#note(found);
    const since = Math.max(linkedSince, this.#presentAt ?? linkedSince);
    if (this.#present || performance.now() - since > this.#limitMs()) return;
    const reason = found.hasCredentials ? "Local Storage is still that of the link before" : found.reason;
    throw new VaultError(
      "UNAVAILABLE",
      `Session ${this.#session} is not saved${werePresent ? "" : " yet"}: ${reason}.`,
      {
        hint: werePresent
          ? "It was there before: the page may have lost its login. What is stored stays as it is."
          : "Chromium writes some seconds late; the next save will have it.",
      },
    );
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
 * Whether a profile that no browser has open carries the credentials.
 * @throws what the disk throws: nothing is known then
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
    return await captureCredentials(capture);
  } finally {
    await capture.close();
  }
}
