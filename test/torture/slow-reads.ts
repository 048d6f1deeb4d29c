import { AsyncLocalStorage } from "node:async_hooks";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const slow = new AsyncLocalStorage<number>();
let patched: Promise<void> | undefined;

/**
 * Runs `action`; every read of a file handle that it makes, and nobody else's, takes `ms` longer: a disk that is slow.
 */
export async function withSlowReads<T>(ms: number, action: () => Promise<T>): Promise<T> {
  if (ms === 0) return await action();
  patched ??= patch();
  await patched;
  return await slow.run(ms, action);
}

async function patch(): Promise<void> {
  const handle = await open(import.meta.filename, "r");
  const prototype = Object.getPrototypeOf(handle) as { read: (...values: unknown[]) => Promise<unknown> };
  await handle.close();
  const real = prototype.read;
  prototype.read = async function (...values) {
    const ms = slow.getStore();
    if (ms !== undefined) await sleep(ms);
    return await real.apply(this, values);
  };
}
