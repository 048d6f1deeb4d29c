// `lib/auth/saving` decides when the profile of a run is saved and whether it may be, and makes the save. It imports
// `../local` and `../store` beside the imports of `lib/auth`. Only `lib/auth` may import it.
import { setTimeout as delay } from "node:timers/promises";
import { VaultError } from "../../errors.ts";
import type { ProfileSaver } from "./profile-saver.ts";

export interface BackupLoopOptions {
  readonly saver: Pick<ProfileSaver, "next" | "nextWhenReady">;
  /** Time between two saves, once the first two are made, in milliseconds. */
  readonly intervalMs: number;
  /** Called with the error of every failed save. Must not throw. */
  readonly onError: (error: unknown) => void;
  /** Waits; rejects when the signal aborts. Replaced by tests. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Time between two checks whether the storage is ready for the first save. */
const READY_POLL_MS = 1_000;
/** After this time the first save is made without that check: a save of any storage is better than no save. */
const READY_LIMIT_MS = 30_000;
/** When the second save is due, counted from the start. */
const SECOND_SAVE_MS = 60_000;
/** The wait after the first failure; each further failure doubles it, up to the interval. */
const RETRY_MS = 15_000;
/**
 * Each interval is up to this share longer or shorter. The first one is any part of an interval, so that sessions that
 * were started together do not save together.
 */
const JITTER = 0.1;

/**
 * Starts a loop of saves: as soon as the storage is ready, at 60 s, at any time within an interval after that, then at the
 * interval with jitter. Never makes two saves at once; a failed save is reported and tried again after a growing wait.
 * @returns a function that ends the loop, and resolves when its save under way has ended; never rejects, and may be
 *   called twice
 */
export function startBackupLoop(options: BackupLoopOptions): () => Promise<void> {
  const stop = new AbortController();
  const done = run(options, stop.signal);
  return async () => {
    stop.abort(new VaultError("CANCELLED", "The save was stopped: the client is closing."));
    await done;
  };
}

async function run(options: BackupLoopOptions, signal: AbortSignal): Promise<void> {
  const { intervalMs, onError, wait = unrefDelay } = options;
  let [pause, elapsed, saves, failures] = [READY_POLL_MS, 0, 0, 0];
  let isSpread = false;
  try {
    for (;;) {
      await wait(pause, signal);
      elapsed += pause;
      const isFirst = saves === 0 && failures === 0 && elapsed < READY_LIMIT_MS;
      const result = await save(options, isFirst, signal);
      if (result === "not ready") continue;
      [saves, failures] = result === "saved" ? [saves + 1, 0] : [saves, failures + 1];
      if (failures > 0) pause = Math.min(intervalMs, RETRY_MS * 2 ** (failures - 1));
      else if (saves === 1 && elapsed < SECOND_SAVE_MS) pause = SECOND_SAVE_MS - elapsed;
      else {
        pause = isSpread ? jittered(intervalMs) : anyPartOf(intervalMs);
        isSpread = true;
      }
    }
  } catch (error) {
    if (!signal.aborted) onError(error);
  }
}

async function save(
  { saver, onError }: BackupLoopOptions,
  isFirst: boolean,
  signal: AbortSignal,
): Promise<"saved" | "not ready" | "failed"> {
  try {
    const report = isFirst ? await saver.nextWhenReady(signal) : await saver.next(signal);
    return report === undefined ? "not ready" : "saved";
  } catch (error) {
    signal.throwIfAborted();
    onError(error);
    return "failed";
  }
}

function jittered(intervalMs: number): number {
  return intervalMs * (1 + JITTER * (2 * Math.random() - 1));
}

/** Of all moments of an interval, and never at once. */
function anyPartOf(intervalMs: number): number {
  return intervalMs * (JITTER + Math.random());
}

/** A wait that does not keep the process alive. */
async function unrefDelay(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false });
}
