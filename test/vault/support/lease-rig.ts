import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Lease } from "../../../lib/store.ts";
import type { Entry } from "../../../lib/vault/entry.ts";
import type { LeaseOwner } from "../../../lib/vault/lease/owner.ts";
import { SharedTimer } from "../../../lib/vault/lease/shared-timer.ts";
import { Vault, type VaultOptions } from "../../../lib/vault/vault.ts";
import { type FakeClock, FakeTime } from "./fake-time.ts";
import { Requests } from "./requests.ts";

export const SESSION = "RemoteAuth-bot";
export const SECOND = 1_000;

/** Processes that share a session, in a time that a test lets pass. */
export class LeaseRig {
  readonly time: FakeTime = new FakeTime();
  readonly backend: MemoryBlobs = new MemoryBlobs();
  /** Numbers of processes that have ended for certain. */
  readonly gone: Set<number> = new Set();
  #processes = 0;

  /** @param skewMs how far its wall clock is ahead. */
  process(skewMs = 0, options: VaultOptions = {}): RigProcess {
    return new RigProcess(this, ++this.#processes, this.time.clock(skewMs), options);
  }

  /** Kinds of all entries, oldest first. */
  async kinds(): Promise<string[]> {
    const reader = new Vault({ blobs: this.backend });
    const kinds: string[] = [];
    for await (const { kind } of reader.history({ session: SESSION })) kinds.unshift(kind);
    return kinds;
  }

  async leaseKeys(): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.backend.list(`${SESSION}/lease/`)) keys.push(key);
    return keys.sort();
  }
}

/** One process, with a clock, a line to the backend and stores of its own. */
export class RigProcess {
  readonly clock: FakeClock;
  readonly requests: Requests;
  readonly warnings: string[] = [];
  readonly store: Vault;
  readonly #rig: LeaseRig;
  readonly #pid: number;
  readonly #timer: SharedTimer;

  constructor(rig: LeaseRig, pid: number, clock: FakeClock, options: VaultOptions) {
    this.#rig = rig;
    this.#pid = pid;
    this.clock = clock;
    this.#timer = new SharedTimer(clock);
    this.requests = new Requests(rig.backend);
    this.store = this.open(options);
  }

  /** Another store of this process. */
  open(options: VaultOptions = {}): Vault {
    const processes = {
      self: async (): Promise<LeaseOwner> => ({ host: "web", pid: this.#pid }),
      isGone: async ({ pid }: LeaseOwner): Promise<boolean> => this.#rig.gone.has(pid),
    };
    const onWarning = (message: string): unknown => this.warnings.push(message);
    return new Vault(
      { blobs: this.requests, retries: 0, retryDelayMs: 0, onWarning, ...options },
      { clock: this.clock, timer: this.#timer, processes },
    );
  }

  /**
   * Takes the session, for which it may wait. Time passes until it has it.
   * @returns the lease, and how long it took in seconds
   */
  async takes(waitMs: number): Promise<{ lease: Lease; seconds: number }> {
    const { time } = this.#rig;
    const began = time.now;
    let end: number | undefined;
    const taking = this.store.acquire({ session: SESSION, waitMs }).finally(() => {
      end = time.now;
    });
    // Handled from here on: a test may expect it.
    taking.catch(() => {});
    while (end === undefined) await time.advance(SECOND / 4);
    return { lease: await taking, seconds: (end - began) / SECOND };
  }

  /** The requests for leases never get an answer from now on: they take no effect. */
  loseLeasePuts(): void {
    this.requests.intercept = (call, key, go) =>
      call === "put" && key.includes("/lease/") ? new Promise(() => {}) : go();
  }
}

/** The lease in an entry. */
export function leaseOf(entry: Entry): NonNullable<Entry["lease"]> {
  if (!entry.lease) throw new Error("the entry has no lease");
  return entry.lease;
}
