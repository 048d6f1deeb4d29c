import { withSignal } from "../async/deadline.ts";
import { Mutex } from "../async/mutex.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { Lease } from "../store.ts";
import type { VaultContext } from "./context.ts";
import { sessionName } from "./layout.ts";
import type { TakeOptions } from "./lease/take.ts";
import { LeaseWatch } from "./lease/watch.ts";
import { VaultLease } from "./lease.ts";
import { PendingAppends } from "./pending-appends.ts";

/** What a call takes that may name a lease. */
export interface LeasedOptions {
  /** Name of the session. */
  session: string;
  /** The lease of `acquire`. @default the call takes the session for itself, and keeps nobody out */
  lease?: Lease;
  /** Ends the call, with its reason. */
  signal?: AbortSignal;
}

/** What `acquire` of a vault takes. */
export interface AcquireOptions {
  /** Name of the session. */
  session: string;
  /** How long to wait for a holder that is alive, in milliseconds. @default 0 */
  waitMs?: number;
  /** Ends the wait, with its reason. */
  signal?: AbortSignal;
}

/** What `openRecords` of a vault takes. */
export interface OpenRecordsOptions extends AcquireOptions {
  /** Called when the store does not answer while a set waits, or an entry cannot be stored. @default nothing is told */
  onError?: (error: unknown) => void;
}

/** What `replaceRecords` of a vault takes. */
export interface ReplaceRecordsOptions extends AcquireOptions {
  /** All records that the session is to have: at least one. */
  records: ReadonlyMap<string, Buffer>;
  /**
   * Told what the session has, before anything is written: nothing in it when the session is absent or deleted, `undefined`
   * when it is damaged. It is waited for. What it throws ends the call. @default anything is replaced
   */
  check?: (found: ReadonlyMap<string, Buffer> | undefined) => void | Promise<void>;
}

/** The sessions that one vault has taken, and runs calls on. */
export class VaultLeases {
  readonly #context: VaultContext;
  /** By session, the lease of calls that name none. */
  readonly #own = new Map<string, Promise<VaultLease>>();
  /** By session, the pending appends of the newest lease of this vault. A newer hold takes the number of all before it. */
  readonly #pending = new Map<string, { epoch: number; appends: PendingAppends }>();
  /** By session, the operations of all its leases, where nothing is created exclusively: one at a time. */
  readonly #operations = new Map<string, Mutex>();
  /** By session, what was seen of the leases of other holders. */
  readonly #watches = new Map<string, LeaseWatch>();

  constructor(context: VaultContext) {
    this.#context = context;
  }

  /** Takes a session with a lease. */
  async acquire(session: string, waitMs: number, signal: AbortSignal | undefined): Promise<VaultLease> {
    return await this.take(session, { leased: true, watch: this.#watchOf(session), waitMs, signal });
  }

  /** Takes a session. */
  async take(session: string, options: TakeOptions): Promise<VaultLease> {
    const known = this.#pending.get(session) ?? { epoch: 0, appends: new PendingAppends() };
    this.#pending.set(session, known);
    const { exclusiveCreate } = await this.#context.traits(options.signal);
    // Where nothing is created exclusively, two leases of this vault must not append at the same time either.
    const operations = exclusiveCreate ? undefined : (this.#operations.get(session) ?? new Mutex());
    if (operations) this.#operations.set(session, operations);
    const take = (): Promise<VaultLease> =>
      VaultLease.take(this.#context, session, { ...options, operations, pending: known.appends });
    const lease = await (operations ? operations.run(take, options.signal) : take());
    const { epoch, writer } = lease;
    if (epoch >= (this.#pending.get(session)?.epoch ?? 0))
      this.#pending.set(session, { epoch, appends: writer.pending });
    return lease;
  }

  /** The lease, if this vault gave it for the session. @throws `INVALID` */
  of(session: string, lease: Lease): VaultLease {
    const name = sessionName(session);
    if (lease instanceof VaultLease && lease.session === name && lease.context === this.#context) return lease;
    throw new VaultError("INVALID", `Expected \`lease\` to be one that this store gave for ${name}.`);
  }

  /** Runs `work` under the lease that the caller has named, else under one of this vault's own. */
  async run<T>(options: LeasedOptions, work: (lease: VaultLease) => Promise<T>): Promise<T> {
    if (!options.lease) return this.runOwn(sessionName(options.session), work, options.signal);
    const lease = this.of(options.session, options.lease);
    return lease.run(() => work(lease), options.signal);
  }

  /** Runs `work` under a lease of this vault's own; a new one when another process has taken the session since. */
  async runOwn<T>(session: string, work: (lease: VaultLease) => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let first = true; ; first = false) {
      const known = this.#own.get(session);
      const taking = known ?? this.take(session, { watch: this.#watchOf(session) });
      if (!known) {
        this.#own.set(session, taking);
        taking.catch(() => this.#own.delete(session));
      }
      const lease = await withSignal(taking, signal);
      try {
        return await lease.run(() => work(lease), signal);
      } catch (error) {
        if (!isVaultError(error, "LEASE_LOST")) throw error;
        if (this.#own.get(session) === taking) this.#own.delete(session);
        if (!known && !first) throw error;
      }
    }
  }

  /** Whether an append of this vault may still take effect. */
  hasPending(session: string): boolean {
    return this.#pending.get(session)?.appends.isEmpty === false;
  }

  #watchOf(session: string): LeaseWatch {
    const watch = this.#watches.get(session) ?? new LeaseWatch();
    this.#watches.set(session, watch);
    return watch;
  }
}
