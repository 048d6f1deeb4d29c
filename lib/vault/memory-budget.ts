import { availableParallelism } from "node:os";
import { type Permits, SharedSemaphore } from "../async/shared-semaphore.ts";
import { MOST_THREADS } from "../async/threads/thread-pool.ts";
import { nodeZstd } from "./zstd.ts";

/** Saves that hold bytes of files at once, beside one of each vault: one reads while another hashes. */
const SAVES_AT_ONCE = 1;

/**
 * Contents that are compressed and encrypted at once, beside the frames that are sent: as many as keep all processors busy.
 * Threads compress with zstd by themselves; deflate takes longer and is done on Node's thread pool.
 */
const ENCODED_AT_ONCE = nodeZstd ? MOST_THREADS : Math.max(2, Math.min(4, availableParallelism()));

/**
 * Chunks of saves that are encoded or sent at once, beside one of each vault: with tables of 2 MiB some 10 MiB, which keep a
 * line of 1 Gbit/s busy when every answer takes 80 ms.
 */
const SENT_AT_ONCE = 4;

/** One budget for the process, however many vaults and sessions it has, because they share its memory. */
const saves = new SharedSemaphore(SAVES_AT_ONCE);
const chunks = new SharedSemaphore(0);
const sends = new SharedSemaphore(SENT_AT_ONCE);
const encodes = new SharedSemaphore(ENCODED_AT_ONCE - 1).permits();

/** A vault's permits for saves that hold bytes of files: the block that was read last, and the chunk that is being filled. */
export function savePermits(): Permits {
  return saves.permits();
}

/** Whether a save waits for such a permit. */
export function isSaveWaiting(): boolean {
  return saves.isBusy;
}

/**
 * A vault's permits for chunks that are uploaded or downloaded, `most` of them. All vaults together have about as many
 * as the vault with the largest `most`.
 */
export function chunkPermits(most: number): Permits {
  chunks.grow(most - 1);
  return chunks.permits(most);
}

/** A vault's permits for chunks of saves, which are fewer than those for requests. */
export function sendPermits(): Permits {
  return sends.permits();
}

/** The permits of the process for contents that become frames. Whoever has one waits for nothing but the processor. */
export function encodePermits(): Permits {
  return encodes;
}
