import { setTimeout as delay } from "node:timers/promises";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import { captureCredentials } from "../../lib/profile/credentials.ts";
import type {
  Lease,
  MarkOptions,
  ProfileStore,
  RestoreProfileOptions,
  RestoreReport,
  SaveProfileOptions,
  SaveReport,
  SessionState,
} from "../../lib/store.ts";

/** What a link works on. */
export interface HeldSession {
  readonly vault: ProfileStore;
  /** As it is stored. */
  readonly session: string;
  /** Held from before the link until it has been read back. */
  readonly lease: Lease;
  /** The state of the session when it was taken. */
  readonly before: SessionState | undefined;
}

/** How often a store that is away is asked again, in milliseconds. */
const AGAIN_MS = 5_000;

/**
 * The store as `RemoteAuth` sees it while a session is linked. The lease is that of the command, for all browsers that it
 * starts. What is stored of an earlier link is hidden: a new one is made, and the earlier one stays as an older generation.
 * Nothing is stored without the credentials, and a save waits for a store that is away.
 */
export class LinkStore implements ProfileStore {
  readonly #held: HeldSession;
  readonly #hides: boolean;
  readonly #signal: AbortSignal;
  readonly #onAway: (error: VaultError) => void;
  readonly #refuses: (wid: string | undefined) => VaultError | undefined;
  /** The newest save. */
  saved: SaveReport | undefined;
  /** Whether the page has logged out: the link has ended. */
  isLoggedOut = false;
  /** Resolves once the store has recorded that what was opened is ready; rejects when it could not. */
  readonly proven: Promise<void>;
  #settle: { resolve(): void; reject(error: unknown): void } = { resolve: () => {}, reject: () => {} };

  /**
   * @param options.hides whether what is stored is hidden
   * @param options.signal ends the waits for a store that is away
   * @param options.onAway called each time such a store does not answer
   * @param options.refuses the error when a session of this WhatsApp id must not be stored. @default every one may
   */
  constructor(
    held: HeldSession,
    options: {
      hides: boolean;
      signal: AbortSignal;
      onAway: (error: VaultError) => void;
      refuses?: (wid: string | undefined) => VaultError | undefined;
    },
  ) {
    this.#held = held;
    this.#hides = options.hides;
    this.#signal = options.signal;
    this.#onAway = options.onAway;
    this.#refuses = options.refuses ?? (() => undefined);
    this.proven = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Nobody waits for it while a session is linked.
    this.proven.catch(() => {});
  }

  async acquire({ signal }: { signal?: AbortSignal }): Promise<Lease> {
    const { epoch, lost } = this.#held.lease;
    const state = await this.state(signal ? { signal } : {});
    return { epoch, lost, ...(state ? { state } : {}), release: async () => {} };
  }

  async state(call: { signal?: AbortSignal }): Promise<SessionState | undefined> {
    const { vault, session } = this.#held;
    const state = await vault.state({ session, ...(call.signal ? { signal: call.signal } : {}) });
    if (!this.#hides || state === undefined) return state;
    const { entry, epoch } = state;
    return { entry, epoch, generations: [] };
  }

  async saveProfile(options: SaveProfileOptions): Promise<SaveReport> {
    const refused = this.#refuses(options.wid);
    if (refused) throw refused;
    const { hasCredentials, reason } = await captureCredentials(options.capture);
    if (!hasCredentials) {
      throw new VaultError("UNAVAILABLE", `The profile does not have the login yet: ${reason}.`, {
        hint: "Chromium writes it some seconds after the page did.",
      });
    }
    const { vault, session, lease } = this.#held;
    const report = await this.#insist(() => vault.saveProfile({ ...options, session, lease }));
    this.saved = report;
    return report;
  }

  async restoreProfile(options: RestoreProfileOptions): Promise<RestoreReport> {
    return await this.#held.vault.restoreProfile({ ...options, session: this.#held.session });
  }

  async mark(options: MarkOptions): Promise<void> {
    const { vault, session, lease } = this.#held;
    try {
      await this.#insist(() => vault.mark({ ...options, session, lease }));
      if (options.as === "proven") this.#settle.resolve();
    } catch (error) {
      this.#settle.reject(error);
      throw error;
    }
  }

  async rollback(options: { generation: number; signal?: AbortSignal }): Promise<void> {
    const { vault, session, lease } = this.#held;
    await vault.rollback({ ...options, session, lease });
  }

  /** The page has logged out. What becomes of the session, the command decides: an earlier link is in it, too. */
  async delete(): Promise<void> {
    this.isLoggedOut = true;
  }

  async undelete(): Promise<void> {}

  async prune(): Promise<void> {}

  async sessionExists(): Promise<boolean> {
    return (await this.state({}))?.current !== undefined;
  }

  async save(): Promise<never> {
    throw new VaultError("INVALID", "A link stores no zip.");
  }

  async extract(): Promise<never> {
    throw new VaultError("INVALID", "A link reads no zip.");
  }

  /** Makes a call again until the store answers. */
  async #insist<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!isVaultError(error, "UNAVAILABLE") || isOfCapture(error)) throw error;
        if (this.#signal.aborted || this.#held.lease.lost.aborted) throw error;
        this.#onAway(error);
        await delay(AGAIN_MS, undefined, { signal: this.#signal }).catch(() => {});
        if (this.#signal.aborted) throw error;
      }
    }
  }
}

/** A file of the profile has changed since it was captured: `RemoteAuth` captures it anew. */
function isOfCapture(error: VaultError): boolean {
  return error.constructor !== VaultError;
}
