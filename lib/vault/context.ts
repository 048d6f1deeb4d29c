import { hostname } from "node:os";
import { withSignal } from "../async/deadline.ts";
import { discard } from "../async/memory.ts";
import type { Permits } from "../async/shared-semaphore.ts";
import { limit } from "../blobs/limit.ts";
import { named } from "../blobs/named.ts";
import { type RetriedBlobs, retry } from "../blobs/retry.ts";
import { LEAST_BLOB_BYTES } from "../blobs/size.ts";
import { timeout } from "../blobs/timeout.ts";
import { watched } from "../blobs/watched.ts";
import type { BlobTraits } from "../blobs.ts";
import { kindOf } from "../diagnostics/observe.ts";
import { VaultError } from "../errors.ts";
import { BLOCK_BYTES } from "./blocks.ts";
import { ChunkTrust } from "./chunk-trust.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { ScryptSalt } from "./derive.ts";
import { SessionFrames } from "./frames.ts";
import { isUrgent, placeOf } from "./layout.ts";
import { type Processes, systemProcesses } from "./lease/owner.ts";
import { processTimer, SharedTimer } from "./lease/shared-timer.ts";
import { chunkPermits, encodePermits, savePermits, sendPermits } from "./memory-budget.ts";
import type { CheckedOptions } from "./options.ts";
import { vaultSalt } from "./vault-salt.ts";

/** The largest piece of a file, in bytes. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Bytes of a blob that are left for the frame, also for an encrypted one. */
const FRAME_ROOM = 128;
/** Added to the time limit of an attempt for each KiB that travels: a slow line is no dead server. */
const MS_PER_KIB = 8;

/** Entries of records that are put together: so many requests an open makes at most, beside those for what was put together. */
const MOST_LOOSE = 48;

/** What tests and schedules replace in a vault. */
export interface VaultInternals {
  /** @default the clocks of this process */
  readonly clock?: Clock | undefined;
  /** @default the timer of this process; with a clock of a test, one by that clock */
  readonly timer?: SharedTimer | undefined;
  /** @default the processes of this machine */
  readonly processes?: Processes | undefined;
  /** Whether `acquire` takes a lease, and waits for those of others. @default true */
  readonly leases?: boolean | undefined;
  /** After so many entries of records they are put together. @default 48 */
  readonly mostLoose?: number | undefined;
}

/** The options, the blobs and the limits that all parts of one vault share. */
export class VaultContext {
  readonly options: CheckedOptions;
  /** Kind of the backend, in diagnostics events. */
  readonly kind: string;
  /** Tells the time, and waits, for all that leases do. */
  readonly clock: Clock;
  /** Renews the leases of all vaults of the process. */
  readonly timer: SharedTimer;
  /** Tells which process this is, and whether another one has ended. */
  readonly processes: Processes;
  readonly #leases: boolean;
  /** After so many entries of records they are put together. */
  readonly mostLoose: number;
  /** The backend with retries, time limits and a limit on concurrency. */
  readonly blobs: RetriedBlobs;
  /** Which chunks nothing new may refer to. */
  readonly chunkTrust: ChunkTrust = new ChunkTrust();
  /** Permits for chunks in memory, on their way up or down: shared by all sessions of the process. */
  readonly chunkPermits: Permits;
  /** Permits for saves that hold bytes of files: shared by all sessions of the process, and acquired before those for chunks. */
  readonly savePermits: Permits = savePermits();
  /** Permits for contents that become frames: shared by all sessions of the process, and acquired last. */
  readonly encodePermits: Permits = encodePermits();
  /** Permits for chunks that a save encodes or sends: acquired after those for chunks, before that for encoding. */
  readonly sendPermits: Permits = sendPermits();
  /** The name of this process in entries, for people. */
  readonly by: string = `${hostname()}:${process.pid}`;
  readonly #frames = new Map<string, SessionFrames>();
  #traits: Promise<BlobTraits> | undefined;
  #salt: Promise<ScryptSalt> | undefined;

  constructor(
    options: CheckedOptions,
    {
      clock = systemClock,
      timer,
      processes = systemProcesses,
      leases = true,
      mostLoose = MOST_LOOSE,
    }: VaultInternals = {},
  ) {
    const { blobs, concurrency, attemptTimeoutMs, retries, retryDelayMs } = options;
    this.options = options;
    this.kind = kindOf(blobs);
    this.clock = clock;
    this.processes = processes;
    this.#leases = leases;
    this.mostLoose = mostLoose;
    this.timer = timer ?? (clock === systemClock ? processTimer : new SharedTimer(clock));
    this.chunkPermits = chunkPermits(concurrency);
    const attemptMs = (key: string, bytes = CHUNK_BYTES): number =>
      isUrgent(key) ? attemptTimeoutMs : attemptTimeoutMs + Math.ceil(bytes / 1024) * MS_PER_KIB;
    // The limit counts attempts: a call holds no permit while it waits for its next attempt.
    const requests = watched(timeout(blobs, { attemptTimeoutMs: attemptMs }), { store: this.kind, placeOf });
    const limited = limit(requests, { concurrency, urgent: isUrgent });
    this.blobs = retry(named(limited, blobs.name), {
      retries,
      retryDelayMs,
      giveUpAfterMs: 2 * attemptTimeoutMs,
    });
  }

  /** Encodes and decodes the blobs of the session. */
  frames(session: string): SessionFrames {
    const frames = this.passingFrames(session);
    this.#frames.set(session, frames);
    return frames;
  }

  /** As {@link frames}; not kept for the next call, unless the session is known: for calls that go through all sessions. */
  passingFrames(session: string): SessionFrames {
    const keys = { keyring: this.options.keyring, salt: () => this.#vaultSalt() };
    return this.#frames.get(session) ?? new SessionFrames(session, keys);
  }

  /** What the backend can do; asked once. */
  async traits(signal?: AbortSignal): Promise<BlobTraits> {
    // Without the signal: other callers wait for the same answer.
    this.#traits ??= this.#askTraits().catch((error: unknown) => {
      this.#traits = undefined;
      throw error;
    });
    return withSignal(this.#traits, signal);
  }

  /** Whether a session can be kept by a lease. A lease needs the fence of the log: it decides only when a process tries. */
  async hasLeases(signal?: AbortSignal): Promise<boolean> {
    return this.#leases && (await this.traits(signal)).exclusiveCreate;
  }

  /** To be called with bytes that the backend has taken or returned, when nobody needs them: frees their memory, if it may. */
  release(bytes: Buffer): void {
    if (this.options.blobs.keepsNoBuffers) discard(bytes);
  }

  /** The largest piece of a file, in bytes: it is a chunk by itself. */
  async chunkBytes(signal?: AbortSignal): Promise<number> {
    return Math.min(CHUNK_BYTES, await this.packBytes(signal));
  }

  /** The largest content of a chunk that pieces share, in bytes. */
  async packBytes(signal?: AbortSignal): Promise<number> {
    return Math.min(BLOCK_BYTES, (await this.traits(signal)).maxBlobBytes - FRAME_ROOM);
  }

  /** Tells a person something; the operation goes on. */
  warn(message: string): void {
    this.options.onWarning(message);
  }

  #vaultSalt(): Promise<ScryptSalt> {
    this.#salt ??= vaultSalt(this.blobs).catch((error: unknown) => {
      this.#salt = undefined;
      throw error;
    });
    return this.#salt;
  }

  async #askTraits(): Promise<BlobTraits> {
    const traits = await this.blobs.traits();
    if (traits.maxBlobBytes < LEAST_BLOB_BYTES) {
      throw new VaultError(
        "INVALID",
        `Could not open the store: a vault needs blobs of ${LEAST_BLOB_BYTES} bytes, and it takes ${traits.maxBlobBytes}.`,
      );
    }
    if (!traits.exclusiveCreate) {
      const why = traits.exclusiveCreateHint === undefined ? "" : ` ${traits.exclusiveCreateHint}`;
      this.warn(
        "This store cannot create a key exclusively: leases are off, so a process never waits for another one that runs the session. Two processes that run one session at the same time may overwrite each other's saves, and neither notices." +
          why,
      );
    }
    return traits;
  }
}
