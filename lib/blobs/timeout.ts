import { withDeadline, withSignal } from "../async/deadline.ts";
import type { BlobInfo, BlobStore } from "../blobs.ts";
import { VaultError } from "../errors.ts";

/** What {@link timeout} takes. */
export interface TimeoutOptions {
  /**
   * Milliseconds one attempt may take: a number, or a function of the key and of the bytes that are sent (`put` only).
   * Each step of a listing may take that long.
   */
  attemptTimeoutMs: number | ((key: string, bytes?: number) => number);
}

/**
 * Ends every call that gets no answer in time with `UNAVAILABLE`, whether or not the backend heeds its signal (a client
 * of a stopped server may wait for ever). A put or delete that was given up **may still take effect later**.
 */
export function timeout(blobs: BlobStore, { attemptTimeoutMs }: TimeoutOptions): BlobStore {
  const ms = (key: string, bytes?: number): number =>
    typeof attemptTimeoutMs === "number" ? attemptTimeoutMs : attemptTimeoutMs(key, bytes);
  return {
    traits: (options) =>
      within(ms("_"), "Reading the traits of the store", options?.signal, (signal) => blobs.traits({ signal })),
    get: (key, options) => within(ms(key), `Reading ${key}`, options?.signal, (signal) => blobs.get(key, { signal })),
    put: (key, bytes, options = {}) =>
      within(ms(key, bytes.length), `Writing ${key}`, options.signal, (signal) =>
        blobs.put(key, bytes, { ...options, signal }),
      ),
    list: (prefix, options) =>
      listWithin(ms(prefix), `Listing ${prefix}`, options?.signal, (signal) =>
        blobs.list(prefix, { ...options, signal }),
      ),
    delete: (keys, options) =>
      within(ms(keys[0] ?? "_"), `Deleting ${keys.length} keys`, options?.signal, (signal) =>
        blobs.delete(keys, { signal }),
      ),
  };
}

async function within<T>(
  limitMs: number,
  what: string,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const expired = (): VaultError => new VaultError("UNAVAILABLE", `${what} failed: no answer within ${limitMs} ms.`);
  return await withDeadline({ limitMs, signal: outer, expired }, (signal) => withSignal(() => work(signal), signal));
}

/** One signal serves all steps: a listing may have thousands. */
async function* listWithin(
  ms: number,
  what: string,
  outer: AbortSignal | undefined,
  open: (signal: AbortSignal) => AsyncIterable<BlobInfo>,
): AsyncGenerator<BlobInfo> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  /** Ends the step that is under way, if one is. */
  let endStep: ((reason: unknown) => void) | undefined;
  const abort = (reason: unknown): void => {
    controller.abort(reason);
    endStep?.(reason);
  };
  const abortOuter = (): void => abort(outer?.reason);
  outer?.addEventListener("abort", abortOuter, { once: true });
  const expire = (): void => abort(new VaultError("UNAVAILABLE", `${what} failed: no answer within ${ms} ms.`));
  const iterator = open(controller.signal)[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      outer?.throwIfAborted();
      // The time between two steps is the caller's.
      const timer = setTimeout(expire, ms);
      const step = await new Promise<IteratorResult<BlobInfo>>((resolve, reject) => {
        endStep = reject;
        iterator.next().then(resolve, reject);
      }).finally(() => clearTimeout(timer));
      endStep = undefined;
      if (step.done) {
        finished = true;
        return;
      }
      yield step.value;
    }
  } finally {
    outer?.removeEventListener("abort", abortOuter);
    // Not awaited: `return` of a generator that hangs inside a request waits for that request.
    if (!finished) Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
