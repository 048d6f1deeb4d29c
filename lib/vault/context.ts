import { hostname } from "node:os";
import { withSignal } from "../async/deadline.ts";
import type { Permits } from "../async/shared-semaphore.ts";
import { limit } from "../blobs/limit.ts";
import { retry } from "../blobs/retry.ts";
import { timeout } from "../blobs/timeout.ts";
import type { BlobStore, BlobTraits } from "../blobs.ts";
import { VaultError } from "../errors.ts";
import { isUrgent } from "./layout.ts";
import { placesForChunks, placesForSaves } from "./memory-budget.ts";
import type { CheckedOptions } from "./options.ts";

/** The largest chunk, in bytes. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Room in a blob for the frame, and for an encrypted one. */
const FRAME_ROOM = 64;
/** Below this a vault would drown in blobs. */
const LEAST_BLOB_BYTES = 64 * 1024;
/** A large value is given this much time for each KiB on top, so that a slow line is not taken for a dead server. */
const MS_PER_KIB = 8;

/** What the parts of one vault share. */
export class VaultContext {
  readonly options: CheckedOptions;
  /** The backend with retries, time limits and a limit on concurrency. */
  readonly blobs: BlobStore;
  /** Keys of chunks that were found missing or damaged: nothing new may rely on them. */
  readonly distrusted: Set<string> = new Set();
  /** Permits for chunks in memory, on their way up or down: shared by all sessions of the process. */
  readonly slots: Permits;
  /** Permits for saves that hold bytes of files: shared by all sessions of the process, and taken before one for a chunk. */
  readonly turns: Permits = placesForSaves();
  /** Who writes, for people. */
  readonly by: string = `${hostname()}:${process.pid}`;
  #traits: Promise<BlobTraits> | undefined;

  constructor(options: CheckedOptions) {
    const { blobs, concurrency, attemptTimeoutMs, retries, retryDelayMs } = options;
    this.options = options;
    this.slots = placesForChunks(concurrency);
    const attemptMs = (key: string, bytes = CHUNK_BYTES): number =>
      isUrgent(key) ? attemptTimeoutMs : attemptTimeoutMs + Math.ceil(bytes / 1024) * MS_PER_KIB;
    // Semaphore are taken per attempt: nothing holds one while it waits for its next.
    this.blobs = retry(limit(timeout(blobs, { attemptTimeoutMs: attemptMs }), { concurrency, urgent: isUrgent }), {
      retries,
      retryDelayMs,
      giveUpAfterMs: 2 * attemptTimeoutMs,
    });
  }

  /** What the backend can do; asked once. */
  async traits(signal?: AbortSignal): Promise<BlobTraits> {
    // Asked for all, so that nobody's signal ends what another one waits for.
    this.#traits ??= this.#askTraits().catch((error: unknown) => {
      this.#traits = undefined;
      throw error;
    });
    return withSignal(this.#traits, signal);
  }

  /** The largest content of a chunk, in bytes. */
  async chunkBytes(signal?: AbortSignal): Promise<number> {
    return Math.min(CHUNK_BYTES, (await this.traits(signal)).maxBlobBytes - FRAME_ROOM);
  }

  /** Says something a person should know; it stops nothing. */
  warn(message: string): void {
    this.options.onWarning(message);
  }

  async #askTraits(): Promise<BlobTraits> {
    const traits = await this.blobs.traits();
    if (traits.maxBlobBytes < LEAST_BLOB_BYTES) {
      throw new VaultError(
        "INVALID",
        `A vault needs blobs of ${LEAST_BLOB_BYTES} bytes; this store takes ${traits.maxBlobBytes}.`,
      );
    }
    if (!traits.exclusiveCreate) {
      this.warn(
        "This store cannot create a key exclusively: two processes that run the same session at once may overwrite each other's saves, and neither will notice.",
      );
    }
    return traits;
  }
}
