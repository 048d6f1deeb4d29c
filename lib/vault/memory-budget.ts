import { type Permits, SharedSemaphore } from "../async/shared-semaphore.ts";

/** Saves that have bytes of files in memory at once, beside one of each vault: one reads while another one hashes. */
const SAVES_AT_ONCE = 1;

/** Of the whole process, however many vaults and sessions it has: memory is what they share. */
const saves = new SharedSemaphore(SAVES_AT_ONCE);
const chunks = new SharedSemaphore(0);

/** The right of a vault's saves to hold the bytes of files: what was read last, and the chunk that is being filled. */
export function placesForSaves(): Permits {
  return saves.permits();
}

/** Whether saves wait for others to let them hold bytes. */
export function savesWait(): boolean {
  return saves.isBusy;
}

/**
 * A vault's places for chunks on their way up or down. All vaults together have about as many as the one that was
 * allowed most.
 */
export function placesForChunks(most: number): Permits {
  chunks.grow(most - 1);
  return chunks.permits(most);
}
