import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";
import { onTestFinished } from "vitest";
import { type CaptureOptions, captureProfile } from "../../../lib/profile/capture/capture.ts";
import type { Capture } from "../../../lib/store.ts";

/** Captures the profile at `dir` as a live one; the capture is closed when the test ends. */
export async function capture(dir: string, options: Partial<CaptureOptions> = {}): Promise<Capture> {
  const taken = await captureProfile(dir, { live: true, ...options });
  onTestFinished(() => taken.close());
  return taken;
}

/** The captured bytes by path, as text of one byte per character. */
export async function contents(taken: Capture): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { path, size, read } of taken.files) found[path] = (await read(0, size)).toString("latin1");
  return found;
}

/** As {@link contents} has the bytes of a file. */
export function text(content: Buffer | string | undefined): string {
  return Buffer.from(content as string).toString("latin1");
}

/** Whether a file is captured in memory: the hash of its bytes is its identity. */
export function isSmall(path: string): boolean {
  return ["CURRENT", "Last Version"].includes(basename(path));
}

/** Until the test ends, calls `hook` before this process opens the file at `path`. */
export function onOpen(path: string, hook: () => void): void {
  const { open } = promises;
  promises.open = (async (...values: Parameters<typeof open>) => {
    if (values[0] === path) hook();
    return await open(...values);
  }) as typeof open;
  syncBuiltinESMExports();
  onTestFinished(() => {
    promises.open = open;
    syncBuiltinESMExports();
  });
}
