import type { GenerationInfo, SessionState } from "../../store.ts";
import type { StoredVersion } from "./store-session.ts";

/** What a start may open by itself once WhatsApp has refused the current generation. */
export interface OlderVersions {
  /** Newest first. */
  readonly older: StoredVersion[];
  /** How many of them may be opened. */
  readonly steps: number;
}

/**
 * The generations that a start may open by itself once WhatsApp has refused the current one, newest first: earlier ones
 * that are proven, of the same phone, of the link that has not ended, and encrypted if the current one is. None in a store
 * that does not tell the phones apart.
 * @param limit how many generations may be opened at most, those included that were refused since the current one was
 */
export function olderVersions({ current, generations }: SessionState, limit: number): OlderVersions {
  if (current?.pairing === undefined) return { older: [], steps: 0 };
  const earlier = generations.filter(
    ({ generation, pairing, beforeDeletion }) =>
      generation < current.generation && pairing === current.pairing && !beforeDeletion,
  );
  const refused = current.rejected ? earlier.filter((one) => wasRejectedAfter(one, current)).length : 0;
  const older = earlier
    .filter(({ proven, rejected, suspect }) => proven && !rejected && !suspect)
    .filter((one) => isProtectedAs(current, one))
    .reverse()
    .map(({ id, generation }) => ({ id, generation }));
  return { older, steps: Math.max(0, limit - refused) };
}

/**
 * Whether `one` is encrypted if `current` is: whoever can write to the store could have put a session of their own there
 * unencrypted, and only a person may go back to such a generation.
 */
export function isProtectedAs(current: GenerationInfo | undefined, one: GenerationInfo): boolean {
  return current?.keyId === undefined || one.keyId !== undefined;
}

/** Whether `one` was rejected after `current` was; also when the store does not say when. */
function wasRejectedAfter(one: GenerationInfo, current: GenerationInfo): boolean {
  if (!one.rejected) return false;
  return one.rejectedIn === undefined || current.rejectedIn === undefined || one.rejectedIn > current.rejectedIn;
}
