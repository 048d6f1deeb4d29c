import { setTimeout as sleep } from "node:timers/promises";
import { withDeadline, withSignal } from "../async/deadline.ts";
import { VaultError } from "../errors.ts";
import { isPassing, pauseMs } from "./write-line.ts";

/** How long something may take, and what it is. */
export interface Patience {
  readonly limitMs: number;
  /** For messages: "Could not … within 100 ms: why." */
  readonly doing: string;
  /** Why it has not succeeded yet. */
  readonly why?: () => unknown;
}

/**
 * Waits for `work`, which goes on by itself after that.
 * @throws `UNAVAILABLE` after `limitMs`; the rejection of `work`
 */
export async function wait<T>({ limitMs, doing, why }: Patience, work: Promise<T>): Promise<T> {
  const expired = (): VaultError => {
    const cause = why?.();
    const reason = cause instanceof Error ? cause.message : "Redis does not answer.";
    return new VaultError("UNAVAILABLE", `Could not ${doing} within ${limitMs} ms: ${reason}`, {
      cause,
      hint: "Nothing is known of what is stored, and no new credentials were made. Try again when Redis answers.",
    });
  };
  return await withDeadline({ limitMs, expired }, (signal) => withSignal(work, signal));
}

/**
 * Does `work`, and does it again while it fails with an error that may pass, as {@link wait}.
 * @param work its signal aborts when nobody waits for it any more
 */
export async function insist<T>(
  patience: Omit<Patience, "why">,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  let last: unknown;
  const over = new AbortController();
  const again = async (): Promise<T> => {
    for (let failures = 1; ; failures++) {
      try {
        return await work(over.signal);
      } catch (error) {
        if (!isPassing(error) || over.signal.aborted) throw error;
        last = error;
        await sleep(pauseMs(failures), undefined, { signal: over.signal });
      }
    }
  };
  try {
    return await wait({ ...patience, why: () => last }, again());
  } finally {
    over.abort();
  }
}
