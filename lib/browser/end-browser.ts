import type { ChildProcess } from "node:child_process";
import { resolve } from "node:path";
import { isRunning, processesExit } from "./browser-watch.ts";

/** How long a browser may take to end after each signal, in milliseconds. */
const END_MS = 5_000;
const PROFILE = "--user-data-dir=";

/**
 * Ends the browsers among `children` that were started on the profile at `dir`, and waits until they have ended. They are
 * asked to end first: a browser that is killed while it makes its profile leaves a damaged one. Never rejects.
 */
export async function endBrowsers(children: readonly ChildProcess[], dir: string): Promise<void> {
  await Promise.all(children.filter((child) => isStartedOn(child, dir)).map(endBrowser));
}

function isStartedOn({ pid, spawnargs }: ChildProcess, dir: string): boolean {
  const opened = spawnargs.find((argument) => argument.startsWith(PROFILE))?.slice(PROFILE.length);
  return pid !== undefined && opened !== undefined && resolve(opened) === resolve(dir);
}

/** Asks the browser to end, and kills it when it does not. Never rejects. */
export async function endBrowser(child: ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  await processesExit(child, END_MS);
  if (!isRunning(child)) return;
  killBrowser(child);
  await processesExit(child, END_MS);
}

/** Kills the browser at once: its process and its group, as puppeteer makes one for each browser. */
export function killBrowser(child: ChildProcess): void {
  try {
    if (process.platform !== "win32" && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // It leads no group, or has just ended.
  }
  child.kill("SIGKILL");
}
