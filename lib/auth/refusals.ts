import { withDeadline, withSignal } from "../async/deadline.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { AuthenticationAnswer } from "./base-auth.ts";
import type { OpenedProfile, OpenOptions } from "./local/opened-profile.ts";
import type { Provenance } from "./local/provenance.ts";
import { sessionRefused } from "./run-errors.ts";
import type { StoredVersion } from "./store/store-session.ts";

/** The longest time that the mark of a refused generation may delay the answer, in milliseconds. */
const MARK_LIMIT_MS = 30_000;

export interface RefusalsOptions extends Pick<OpenOptions, "store" | "session" | "refused"> {
  readonly provenance: Provenance;
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

/** Records that WhatsApp has refused a profile, and decides whether the client starts again with another one. */
export class Refusals {
  readonly #options: RefusalsOptions;

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  /**
   * Records the refusal, so that no later start stops at the same profile, and releases the session for the next start.
   * Never rejects.
   * @returns the answer for whatsapp-web.js: start again, or (`undefined`) show a QR
   */
  async record(refused: RefusedProfile, signal: AbortSignal): Promise<AuthenticationAnswer | undefined> {
    const { store, session, onError } = this.#options;
    const { history, restored, next } = refused;
    const version = history.at(-1);
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
    onError(error);
    if (next === undefined) return undefined;
    // Many bots end their process on `auth_failure`, without a chance to release the session.
    await store.close();
    return { failed: true, restart: true, failureEventPayload: error.message };
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
    const { provenance, refused, onError } = this.#options;
    refused.local = version?.id;
    await provenance.clear().catch(onError);
  }
}

/** Names a stored version in a message. */
function inWords(version: StoredVersion | undefined): string {
  return version?.generation === undefined ? "the stored session" : `generation ${version.generation}`;
}
