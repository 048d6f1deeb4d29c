import { availableParallelism } from "node:os";
import { type Permits, SharedSemaphore } from "../async/shared-semaphore.ts";

/** Saves that hold bytes of files at once, beside one of each vault: one reads while another hashes. */
const SAVES_AT_ONCE = 1;

/** Contents that are compressed and encrypted at once, beside the frames that are sent: as many as keep all processors busy. */
const ENCODED_AT_ONCE = Math.max(2, Math.min(4, availableParallelism()));

/** One budget for the process, however many vaults and sessions it has, because they share its memory. */
const saves = new SharedSemaphore(SAVES_AT_ONCE);
const chunks = new SharedSemaphore(0);
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

/** The permits of the process for contents that become frames. Whoever has one waits for nothing but the processor. */
export function encodePermits(): Permits {
  return encodes;
}
