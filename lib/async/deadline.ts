// `lib/async` holds deadlines, mutexes, semaphores, lines and turns. It imports the errors only. Every folder may import it.
import { setTimeout as delay } from "node:timers/promises";

/**
 * Waits for `work`, or for the signal. For work that cannot be interrupted: after an abort the work continues by
 * itself, and its rejection stays handled.
 * @returns the result of `work`
 * @throws the signal's reason at once when it aborts; the rejection of `work`
 */
export async function withSignal<T>(
  work: Promise<T> | (() => Promise<T>),
  signal: AbortSignal | undefined,
): Promise<T> {
  // Handles a rejection from here on, also when the signal has aborted already.
  if (typeof work !== "function") work.catch(() => {});
  signal?.throwIfAborted();
  const begin = (): Promise<T> => (typeof work === "function" ? work() : work);
  if (signal === undefined) return await begin();
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    // Begun after the listener was added: the work may abort the signal itself. A rejection after the end of the race
    // stays handled.
    return await Promise.race([begin(), aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

export interface Deadline {
  /** The longest time of the work, in milliseconds. */
  readonly limitMs: number;
  /** Aborts the work earlier, with the signal's own reason. */
  readonly signal?: AbortSignal | undefined;
  /** Makes the error that is thrown when the work takes longer. */
  readonly expired: (cause: unknown) => Error;
}

/**
 * Does `work` with a signal that aborts after `limitMs`, or when the given signal aborts. Work that ignores its signal
 * needs {@link withSignal} inside.
 * @throws the error of `expired` after `limitMs`; the given signal's reason; the rejection of `work`
 */
export async function withDeadline<T>(
  { limitMs, signal, expired }: Deadline,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const limited = new AbortController();
  let late: DOMException | undefined;
  const timer = setTimeout(() => {
    late = new DOMException(`No end within ${limitMs} ms.`, "TimeoutError");
    limited.abort(late);
  }, limitMs);
  const abort = (): void => limited.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await work(limited.signal);
  } catch (cause) {
    throw late !== undefined && cause === late ? expired(cause) : cause;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * Resolves when `work` has ended, in whatever way, or after `limitMs` milliseconds. Never rejects, and leaves no timer behind.
 * @param options.keepsAlive whether the process stays for the time of the wait. @default true
 */
export async function waitAtMost(
  limitMs: number,
  work: Promise<unknown>,
  { keepsAlive = true }: { keepsAlive?: boolean } = {},
): Promise<void> {
  const over = new AbortController();
  const late = delay(limitMs, undefined, { ref: keepsAlive, signal: over.signal }).catch(() => undefined);
  await Promise.race([work.catch(() => undefined), late]);
  over.abort();
}
