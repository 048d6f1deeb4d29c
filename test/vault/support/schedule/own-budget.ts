// Takes the place of `lib/vault/memory-budget.ts` in schedules, whose processes share a thread and no memory.
import { Semaphore } from "../../../../lib/async/semaphore.ts";
import type { Permits } from "../../../../lib/async/shared-semaphore.ts";

export function savePermits(): Permits {
  return new Semaphore(2);
}

export function isSaveWaiting(): boolean {
  return false;
}

export function chunkPermits(most: number): Permits {
  return new Semaphore(most);
}

export function sendPermits(): Permits {
  return new Semaphore(5);
}

export function encodePermits(): Permits {
  return new Semaphore(2);
}
