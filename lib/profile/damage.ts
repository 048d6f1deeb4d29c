import { isOutOfMemory } from "../async/memory.ts";

/** Whether the error tells of damaged bytes: the decoders throw a `RangeError` for them, and V8 does when it has no memory. */
export function isDamage(error: unknown): error is RangeError {
  return error instanceof RangeError && !isOutOfMemory(error);
}
