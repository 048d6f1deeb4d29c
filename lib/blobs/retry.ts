import { setTimeout as sleep } from "node:timers/promises";
import type { BlobInfo, BlobStore, ListOptions, PutOptions } from "../blobs.ts";
import { countRetry } from "../diagnostics/observe.ts";
import { VaultError } from "../errors.ts";

/** What {@link retry} takes. */
export interface RetryOptions {
  /** How many times a failed call is made again. */
  retries: number;
  /** The first pause, in milliseconds; each later one may be twice as long, up to 5 s, and all are jittered. */
  retryDelayMs: number;
  /** No new attempt is begun once a call has taken this many milliseconds. @default no bound */
  giveUpAfterMs?: number;
}

/** What a `put` of {@link RetriedBlobs} takes. */
export interface RetriedPutOptions extends PutOptions {
  /** Called before each attempt: after a second one, the first may have taken effect long ago. */
  onAttempt?: (() => void) | undefined;
}

/** Blobs whose calls are made again, and whose puts tell how often. */
export interface RetriedBlobs extends BlobStore {
  put(key: string, bytes: Buffer, options?: RetriedPutOptions): Promise<void>;
}

const LONGEST_PAUSE_MS = 5_000;

/**
 * Makes a call again that failed with a `retryable` error. An exclusive put that took effect although its answer was lost
 * then reports `CONFLICT`: its caller has to read the value back.
 */
export function retry(blobs: BlobStore, options: RetryOptions): RetriedBlobs {
  const again = async <T>(signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> => {
    const pause = pauses(options, signal);
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        await pause(error);
      }
    }
  };
  return {
    traits: (call) => again(call?.signal, () => blobs.traits(call)),
    get: (key, call) => again(call?.signal, () => blobs.get(key, call)),
    put: (key, bytes, { onAttempt, ...call } = {}) =>
      again(call.signal, () => {
        onAttempt?.();
        return blobs.put(key, bytes, call);
      }),
    list: (prefix, call) => listAgain(blobs, options, prefix, call),
    delete: (keys, call) => again(call?.signal, () => blobs.delete(keys, call)),
  };
}

/** A listing that broke off begins again, and yields each key once. */
async function* listAgain(
  blobs: BlobStore,
  options: RetryOptions,
  prefix: string,
  call: ListOptions | undefined,
): AsyncGenerator<BlobInfo> {
  const pause = pauses(options, call?.signal);
  const seen = new Set<string>();
  for (;;) {
    try {
      for await (const info of blobs.list(prefix, call)) {
        if (seen.has(info.key)) continue;
        seen.add(info.key);
        yield info;
      }
      return;
    } catch (error) {
      await pause(error);
    }
  }
}

/** A function that waits before the next attempt, or throws the error when there is to be none. */
function pauses(options: RetryOptions, signal: AbortSignal | undefined): (error: unknown) => Promise<void> {
  const { retries, retryDelayMs, giveUpAfterMs = Number.POSITIVE_INFINITY } = options;
  const began = performance.now();
  let failures = 0;
  return async (error) => {
    const final = !(error instanceof VaultError && error.retryable) || signal?.aborted;
    if (final || ++failures > retries || performance.now() - began > giveUpAfterMs) throw error;
    countRetry();
    const longest = Math.min(retryDelayMs * 2 ** (failures - 1), LONGEST_PAUSE_MS);
    const ms = longest * (0.5 + Math.random() / 2);
    if (ms >= 1) await sleep(ms, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
  };
}
