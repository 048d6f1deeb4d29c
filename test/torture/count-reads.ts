import fs from "node:fs";
import { open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

/**
 * Runs `action`; returns its result, the bytes that this process has read from files meanwhile, and the milliseconds.
 * @param action is given a function that returns the bytes so far
 */
export async function countReads<T>(
  action: (soFar: () => number) => Promise<T>,
): Promise<{ result: T; bytes: number; ms: number }> {
  const handle = await open(import.meta.filename, "r");
  const prototype = Object.getPrototypeOf(handle) as { read: (...values: unknown[]) => Promise<{ bytesRead: number }> };
  await handle.close();
  const [read, readSync, readLater] = [prototype.read, fs.readSync, fs.read];
  let bytes = 0;
  prototype.read = async function (...values) {
    const answer = await read.apply(this, values);
    bytes += answer.bytesRead;
    return answer;
  };
  fs.readSync = ((...values: Parameters<typeof readSync>) => {
    const length = readSync(...values);
    bytes += length;
    return length;
  }) as typeof readSync;
  fs.read = ((...values: unknown[]) => {
    const done = values.pop() as (error: unknown, bytesRead: number, ...more: unknown[]) => void;
    (readLater as (...all: unknown[]) => void)(...values, (error: unknown, bytesRead: number, ...more: unknown[]) => {
      bytes += error ? 0 : bytesRead;
      done(error, bytesRead, ...more);
    });
  }) as typeof readLater;
  syncBuiltinESMExports();
  const started = performance.now();
  try {
    const result = await action(() => bytes);
    return { result, bytes, ms: performance.now() - started };
  } finally {
    prototype.read = read;
    fs.readSync = readSync;
    fs.read = readLater;
    syncBuiltinESMExports();
  }
}
