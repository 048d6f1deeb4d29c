/**
 * `lib/async` holds what the whole library waits with: deadlines, mutexes and semaphores. Every folder may import it; it
 * imports nothing.
 *
 * @returns what `work` resolves to, unless the signal aborts first: then its reason is thrown at once. The work goes on by
 *   itself, and its rejection stays handled. For work that cannot be interrupted.
 */
export async function withSignal<T>(
  work: Promise<T> | (() => Promise<T>),
  signal: AbortSignal | undefined,
): Promise<T> {
  // Handled from here on, also when the signal has aborted already.
  const begun = typeof work === "function" ? undefined : work;
  begun?.catch(() => {});
  signal?.throwIfAborted();
  if (signal === undefined) return await (begun ?? (work as () => Promise<T>)());
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    // The loser of the race stays handled.
    return await Promise.race([begun ?? (work as () => Promise<T>)(), aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Bounds one piece of work. */
export interface Deadline {
  /** The longest it may take, in milliseconds. */
  readonly limitMs: number;
  /** Ends it early, with its own reason. */
  readonly signal?: AbortSignal | undefined;
  /** Makes the error to throw when the work took longer. */
  readonly expired: (cause: unknown) => Error;
}

/**
 * Does `work`, whose signal aborts after `limitMs` or when the given one does. Work that does not heed its signal needs
 * {@link withSignal} inside.
 */
export async function withDeadline<T>(
  { limitMs, signal, expired }: Deadline,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const limited = new AbortController();
  const late = new DOMException(`No end within ${limitMs} ms.`, "TimeoutError");
  const timer = setTimeout(() => limited.abort(late), limitMs);
  const abort = (): void => limited.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await work(limited.signal);
  } catch (cause) {
    throw cause === late ? expired(cause) : cause;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
