/** `promise`, unless the signal aborts first. The promise goes on; its rejection is then nobody's. */
export async function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener("abort", stop);
    promise.catch(() => undefined);
  }
}

/** What bounds one piece of work. */
export interface Patience {
  /** The longest it may take, in milliseconds. */
  readonly limitMs: number;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** What to throw when it took longer. */
  readonly tooLate: (cause: unknown) => Error;
}

/** Does `work`, which stops when its signal aborts: after `limitMs`, or with the one that was given. */
export async function within<T>(
  { limitMs, signal, tooLate }: Patience,
  work: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = AbortSignal.timeout(limitMs);
  try {
    return await work(signal === undefined ? late : AbortSignal.any([signal, late]));
  } catch (cause) {
    throw late.aborted && cause === late.reason ? tooLate(cause) : cause;
  }
}
