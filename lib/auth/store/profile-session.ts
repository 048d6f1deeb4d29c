// `lib/auth/store` gives `RemoteAuth` one view of both kinds of stores: stores that take profiles file by file, and
// stores with whatsapp-web.js's four methods, which take zips. It imports `lib/archive`, `lib/profile`, `lib/disk`,
// `lib/async`, the types of stores and the errors. Only `lib/auth` may import it.
import { waitAtMost, withDeadline, withSignal } from "../../async/deadline.ts";
import { VaultError } from "../../errors.ts";
import { type OtherNames, otherSessions } from "../../other-sessions.ts";
import type {
  Capture,
  GenerationInfo,
  Lease,
  ProfileStore,
  RestoreReport,
  SaveReport,
  SessionState,
} from "../../store.ts";
import { isProtectedAs, olderVersions } from "./older-versions.ts";
import type { RemoteSession, SaveOptions, StoredVersion, StoreSession } from "./store-session.ts";

/** The longest time of calls that no caller can abort, in milliseconds. */
const LIMITS = {
  /** For a delete: whatsapp-web.js emits `disconnected` only after it. */
  deleteMs: 30_000,
  /** For the release of the lease: Docker and Kubernetes kill a process that ends too slowly. */
  releaseMs: 5_000,
};

export interface ProfileSessionOptions {
  /** How long to wait for another holder of the session, in milliseconds. @default 0 */
  readonly leaseWaitMs?: number;
  /** How many generations before the current one may be opened when WhatsApp refuses the session. @default 0 */
  readonly rollbackOnAuthFailure?: number;
  /** Rejections that the store has not recorded, by id; shared by the runs of a strategy. @default none */
  readonly unrecorded?: Map<string, StoredVersion>;
}

/** A session in a store that takes profiles file by file. */
export class ProfileSession implements StoreSession {
  readonly #store: ProfileStore;
  readonly #session: string;
  readonly #options: Required<ProfileSessionOptions>;
  readonly #limits: typeof LIMITS;
  #lease: Lease | undefined;
  /** The release of a lease that the store gives although its wait was aborted. Never rejects. */
  #lateRelease: Promise<void> | undefined;
  readonly #lost = new AbortController();

  constructor(
    store: ProfileStore,
    session: string,
    options: ProfileSessionOptions = {},
    limits: typeof LIMITS = LIMITS,
  ) {
    this.#store = store;
    this.#session = session;
    this.#options = { leaseWaitMs: 0, rollbackOnAuthFailure: 0, unrecorded: new Map(), ...options };
    this.#limits = limits;
  }

  /** Outlives the lease: a run that has lost the session may not delete it either. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async open(signal: AbortSignal): Promise<RemoteSession> {
    await this.#acquire(signal);
    const state = await this.#stateOnceRecorded(signal);
    if (state === undefined) return { kind: "absent" };
    const { entry, current, deleted } = state;
    if (current !== undefined) {
      const { id, generation, rejected: isRejected } = current;
      // Without marks the current generation would be opened again after every refusal, without end.
      const older = this.#keepsMarks ? olderVersions(state, this.#options.rollbackOnAuthFailure) : {};
      return { kind: "current", id, generation, entry, isRejected, ...older };
    }
    return deleted === undefined ? { kind: "absent", entry } : { kind: "deleted", ...deleted, entry };
  }

  /** A store written elsewhere may lack what going back by itself needs. */
  get #keepsMarks(): boolean {
    const { mark, rollback } = this.#store;
    return typeof mark === "function" && typeof rollback === "function";
  }

  /** @throws `LEASE_HELD`; the signal's reason at once: a lease that the store gives later is released, see `close` */
  async #acquire(signal: AbortSignal): Promise<void> {
    const session = this.#session;
    const { leaseWaitMs: waitMs } = this.#options;
    const acquiring = (async () => await this.#store.acquire({ session, waitMs, signal }))();
    const lease = await withSignal(acquiring, signal).catch((error: unknown) => {
      this.#lateRelease = acquiring.then((late) => late.release()).catch(() => undefined);
      throw error;
    });
    this.#lease = lease;
    const lose = (): void => {
      // A lease that was given back cannot be lost.
      if (this.#lease === lease) this.#lost.abort(lease.lost.reason);
    };
    if (lease.lost.aborted) lose();
    else lease.lost.addEventListener("abort", lose, { once: true });
  }

  /** The state, after rejections were recorded whose mark had failed. */
  async #stateOnceRecorded(signal: AbortSignal): Promise<SessionState | undefined> {
    const session = this.#session;
    const state = this.#lease?.state ?? (await this.#store.state({ session, signal }));
    const { unrecorded } = this.#options;
    if (unrecorded.size === 0) return state;
    for (const version of state?.generations ?? []) if (unrecorded.has(version.id)) await this.reject(version, signal);
    // The other generations are not kept any more.
    unrecorded.clear();
    return await this.#store.state({ session, signal });
  }

  async restore(into: string, signal: AbortSignal, version?: StoredVersion): Promise<RestoreReport> {
    const named = version?.generation === undefined ? {} : { generation: version.generation };
    return await this.#store.restoreProfile({ session: this.#session, into, ...named, signal });
  }

  get canList(): boolean {
    return typeof this.#store.sessions === "function";
  }

  async others(signal: AbortSignal): Promise<OtherNames | undefined> {
    return this.canList ? await otherSessions(this.#store, this.#session, { signal }) : undefined;
  }

  async save(capture: Capture, { wid, beforeCommit, signal }: Omit<SaveOptions, "stored">): Promise<SaveReport> {
    const lease = this.#heldLease();
    return await this.#store.saveProfile({ session: this.#session, capture, lease, wid, beforeCommit, signal });
  }

  async prove(generation: number, signal: AbortSignal): Promise<void> {
    await this.#store.mark({ session: this.#session, lease: this.#heldLease(), generation, as: "proven", signal });
  }

  async reject(version: StoredVersion, signal: AbortSignal): Promise<void> {
    const { id, generation } = version;
    if (generation === undefined || typeof this.#store.mark !== "function") return;
    const { unrecorded } = this.#options;
    unrecorded.set(id, version);
    await this.#store.mark({ session: this.#session, lease: this.#heldLease(), generation, as: "rejected", signal });
    unrecorded.delete(id);
  }

  async rollBack(versions: readonly StoredVersion[], signal: AbortSignal): Promise<StoredVersion | undefined> {
    const session = this.#session;
    const state = await this.#store.state({ session, signal });
    // The number alone may be that of another history, as after the store was restored from a copy.
    const isNamed = (kept: GenerationInfo): boolean =>
      versions.some(({ id, generation }) => id === kept.id && generation === kept.generation);
    const found = state?.generations.filter((kept) => isNamed(kept) && isProtectedAs(state.current, kept)).at(-1);
    if (found === undefined) return undefined;
    const { generation, id } = found;
    await this.#store.rollback({ session, lease: this.#heldLease(), generation, signal });
    return { id, generation };
  }

  /** There is nothing to remove: `open` fetches no file. */
  async keepLocal(): Promise<void> {}

  async delete(retainMs: number | undefined): Promise<void> {
    this.lost.throwIfAborted();
    const session = this.#session;
    const held = this.#lease === undefined ? {} : { lease: this.#lease };
    const retain = retainMs === undefined ? {} : { retainMs };
    const limitMs = this.#limits.deleteMs;
    const expired = (cause: unknown): VaultError => {
      const hint = "The store may still have the session: delete it there by hand.";
      const message = `Could not delete the session ${session} within ${limitMs} ms.`;
      return new VaultError("UNAVAILABLE", message, { cause, hint });
    };
    await withDeadline({ limitMs, expired }, (signal) =>
      withSignal(this.#store.delete({ session, signal, ...retain, ...held }), signal),
    );
  }

  async close(): Promise<void> {
    const [lease, lateRelease] = [this.#lease, this.#lateRelease];
    this.#lease = undefined;
    this.#lateRelease = undefined;
    if (lease === undefined && lateRelease === undefined) return;
    const release = async (): Promise<void> => await lease?.release();
    // The next process takes over a lease that was not released.
    await waitAtMost(this.#limits.releaseMs, Promise.allSettled([release(), lateRelease]));
  }

  #heldLease(): Lease {
    if (this.#lease !== undefined) return this.#lease;
    const message = `Session ${this.#session} is not held: its lease was released or never acquired.`;
    throw new VaultError("LEASE_LOST", message, { hint: "Call client.initialize() again." });
  }
}
