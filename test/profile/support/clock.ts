import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";

/** Age in milliseconds from which on the timestamps of a file are trustworthy: see `file-identity.ts`. */
const TRUSTED_MS = 2_000;

/** Has `Date.now` answer `at` until the test ends. */
export function stopClock(at: number): void {
  const clock = vi.spyOn(Date, "now").mockReturnValue(at);
  onTestFinished(() => void clock.mockRestore());
}

/**
 * Stops `Date.now` where the timestamps of all files below `dir` are just old enough to be trustworthy, so that no test
 * waits, however slow the machine is. Resolves once the disk's clock has moved on, so that later writes have other
 * times.
 */
export async function trustFiles(dir: string): Promise<void> {
  const newest = await newestChange(dir);
  const probe = `${dir}.probe`;
  for (let now = newest; now <= newest; now = inMs(await changeOf(probe))) await writeFile(probe, "");
  await rm(probe);
  stopClock(newest + TRUSTED_MS);
}

/** When the youngest file below `dir` was changed, in milliseconds. */
async function newestChange(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Math.max(...(await Promise.all(files.map(async (path) => inMs(await changeOf(path))))));
}

/** When a file was last changed, or its times were, in nanoseconds. */
async function changeOf(path: string): Promise<bigint> {
  const { ctimeNs, mtimeNs } = await stat(path, { bigint: true });
  return ctimeNs > mtimeNs ? ctimeNs : mtimeNs;
}

function inMs(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000n);
}
