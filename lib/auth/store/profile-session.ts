// `lib/auth/store` gives `RemoteAuth` one view of both kinds of stores: stores that take profiles file by file, and
// stores with whatsapp-web.js's four methods, which take zips. It imports `lib/archive`, `lib/profile`, `lib/disk`,
// `lib/async`, the types of stores and the errors. Only `lib/auth` may import it.
import { withDeadline, withSignal } from "../../async/deadline.ts";
import { VaultError } from "../../errors.ts";
import type { Capture, Lease, ProfileStore, RestoreReport, SaveReport } from "../../store.ts";
import type { RemoteSession, SaveOptions, StoredVersion, StoreSession } from "./store-session.ts";

/** The longest time of calls that no caller can abort, in milliseconds. */
const LIMITS = {
  /** For a delete: whatsapp-web.js emits `disconnected` only after it. */
  deleteMs: 30_000,
  /** For the release of the lease: Docker and Kubernetes kill a process that ends too slowly. */
  releaseMs: 5_000,
};

/** A session in a store that takes profiles file by file. */
export class ProfileSession implements StoreSession {
  readonly #store: ProfileStore;
  readonly #session: string;
  readonly #limits: typeof LIMITS;
  #lease: Lease | undefined;
  /** Outlives the lease: a run that has lost the session may not delete it either. */
  lost: AbortSignal | undefined;

  constructor(store: ProfileStore, session: string, limits: typeof LIMITS = LIMITS) {
    this.#store = store;
    this.#session = session;
    this.#limits = limits;
  }

  async open(signal: AbortSignal): Promise<RemoteSession> {
    this.#lease = await this.#store.acquire({ session: this.#session, signal });
    this.lost = this.#lease.lost;
    const state = await this.#store.state({ session: this.#session, signal });
    if (state === undefined) return { kind: "absent" };
    const { entry, current, deleted } = state;
    if (current !== undefined) return { kind: "current", id: current.id, generation: current.generation, entry };
    return deleted === undefined ? { kind: "absent", entry } : { kind: "deleted", at: deleted.at, entry };
  }

  async restore(into: string, signal: AbortSignal): Promise<RestoreReport> {
    return await this.#store.restoreProfile({ session: this.#session, into, signal });
  }

  async save(capture: Capture, { wid, beforeCommit, signal }: Omit<SaveOptions, "stored">): Promise<SaveReport> {
    const lease = this.#heldLease();
    return await this.#store.saveProfile({ session: this.#session, capture, lease, wid, beforeCommit, signal });
  }

  async prove(generation: number, signal: AbortSignal): Promise<void> {
    await this.#store.mark({ session: this.#session, lease: this.#heldLease(), generation, as: "proven", signal });
  }

  async rollBack(generations: readonly number[], signal: AbortSignal): Promise<StoredVersion | undefined> {
    const session = this.#session;
    const state = await this.#store.state({ session, signal });
    const found = state?.generations.filter((kept) => generations.includes(kept.generation)).at(-1);
    if (found === undefined) return undefined;
    const { generation, id } = found;
    await this.#store.rollback({ session, lease: this.#heldLease(), generation, signal });
    return { id, generation };
  }

  /** There is nothing to remove: `open` fetches no file. */
  async keepLocal(): Promise<void> {}

  async delete(retainMs: number | undefined): Promise<void> {
    this.lost?.throwIfAborted();
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
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease === undefined) return;
    const expired = (cause: unknown): Error => new Error("The store did not answer.", { cause });
    const released = withDeadline({ limitMs: this.#limits.releaseMs, expired }, (signal) =>
      withSignal(lease.release(), signal),
    );
    // The next process takes over a lease that was not released.
    await released.catch(() => undefined);
  }

  #heldLease(): Lease {
    if (this.#lease !== undefined) return this.#lease;
    const message = `Session ${this.#session} is not held: its lease was released or never acquired.`;
    throw new VaultError("LEASE_LOST", message, { hint: "Call client.initialize() again." });
  }
}
