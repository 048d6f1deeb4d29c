import { withDeadline, withSignal } from "../async/deadline.ts";
import { markTold } from "../diagnostics/observe.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { AuthenticationAnswer } from "./base-auth.ts";
import type { OpenedProfile, OpenOptions } from "./local/opened-profile.ts";
import { sessionRefused } from "./run-errors.ts";
import type { ProfileSaver } from "./saving/profile-saver.ts";
import type { StoredVersion } from "./store/store-session.ts";

/** The longest time that the mark of a refused generation may delay the answer, in milliseconds. */
const MARK_LIMIT_MS = 30_000;

export interface AcceptanceOptions extends Pick<OpenOptions, "store" | "session" | "refused" | "onWarning"> {
  readonly saver: Pick<ProfileSaver, "makeCurrent" | "provenance">;
  /** Called with errors of the records. Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** A profile that WhatsApp has refused. */
export interface RefusedProfile extends Pick<OpenedProfile, "history" | "restored" | "next"> {
  /** Whether the marker of the profile says that it was refused. */
  readonly isMarked: boolean;
  /** Whether the generation that the profile was restored from is rejected: it never was ready. */
  readonly isRejected: boolean;
}

/** Records whether WhatsApp has accepted the opened profile, and decides whether the client starts again. */
export class Acceptance {
  readonly #options: AcceptanceOptions;

  constructor(options: AcceptanceOptions) {
    this.#options = options;
  }

  /**
   * The opened profile is ready: marks its generation as proven; an older generation becomes the current one before.
   * @throws the errors of the store
   */
  async accepted({ history, isOlder }: Pick<OpenedProfile, "history" | "isOlder">, signal: AbortSignal): Promise<void> {
    const { store, saver, session, refused, onWarning } = this.#options;
    refused.stored?.clear();
    const version = history.at(-1);
    if (version?.generation === undefined) return;
    if (isOlder && (await saver.makeCurrent(version, signal))) {
      onWarning(`The session ${session} is ready: its generation ${version.generation} is the current one again.`);
    }
    await store.prove(version.generation, signal);
  }

  /**
   * Records a refusal, so that no later start stops at the same profile, and releases the session for the next start.
   * Never rejects.
   * @returns the answer for whatsapp-web.js: start again, or (`undefined`) show a QR
   */
  async refused(refused: RefusedProfile, signal: AbortSignal): Promise<AuthenticationAnswer | undefined> {
    const { store, session, onError } = this.#options;
    const { history, restored } = refused;
    const version = history.at(-1);
    const isRepeated = restored !== undefined && version !== undefined && this.#noteStored(version);
    const next = isRepeated ? undefined : refused.next;
    if (next !== undefined && !refused.isMarked) await this.#forgetLocal(version);
    if (refused.isRejected && restored !== undefined && version !== undefined) {
      const error = await this.#reject(version, signal);
      if (isVaultError(error, "LEASE_LOST")) {
        onError(error);
        return { failed: true, restart: false, failureEventPayload: error.message };
      }
      if (error !== undefined && !signal.aborted) onError(error);
    }
    if (signal.aborted) return undefined;
    const wordsOfNext = next && (restored === undefined ? inWords(next) : `the older ${inWords(next)}`);
    const error = sessionRefused(session, restored === undefined ? "its local profile" : inWords(version), wordsOfNext);
    // The link event tells it.
    markTold(error);
    onError(error);
    if (next === undefined) return undefined;
    // Many bots end their process on `auth_failure`, without a chance to release the session.
    await store.close();
    return { failed: true, restart: true, failureEventPayload: error.message };
  }

  /** @returns whether this process has opened the version before: its store lost the mark, and would lose it each time */
  #noteStored({ id }: StoredVersion): boolean {
    this.#options.refused.stored ??= new Set();
    const { stored } = this.#options.refused;
    if (stored.has(id)) return true;
    stored.add(id);
    return false;
  }

  /** @returns the error when the store has not recorded it: the next start of this process records it, or throws */
  async #reject(version: StoredVersion, signal: AbortSignal): Promise<unknown> {
    const { store, session } = this.#options;
    const expired = (cause: unknown): VaultError =>
      new VaultError(
        "UNAVAILABLE",
        `Could not mark generation ${version.generation} of ${session} as rejected in time.`,
        {
          cause,
        },
      );
    const limit = { limitMs: MARK_LIMIT_MS, signal, expired };
    return await withDeadline(limit, (limited) => withSignal(store.reject(version, limited), limited)).then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  /** The marker could not be written: makes sure that the next start does not choose the profile again. */
  async #forgetLocal(version: StoredVersion | undefined): Promise<void> {
    const { saver, refused, onError } = this.#options;
    refused.local = version?.id;
    await saver.provenance.clear().catch(onError);
  }
}

/** Names a stored version in a message. */
function inWords(version: StoredVersion | undefined): string {
  return version?.generation === undefined ? "the stored session" : `generation ${version.generation}`;
}
