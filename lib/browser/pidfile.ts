import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { diskError } from "../disk/errors.ts";
import { identify, isAlive, isProcessId, type ProcessId } from "../disk/process-id.ts";
import { browserOf } from "./singleton-lock.ts";

/** Name of the file inside the profile. */
const NAME = ".wa-vault-browser.json";
/** How long a browser may take to end after each signal, in milliseconds. */
const END_MS = 5_000;
const POLL_MS = 50;

interface Owner {
  readonly bot: ProcessId;
  /** Absent while the browser is being started. */
  readonly browser?: ProcessId | undefined;
}

/**
 * Records the browser that has the profile at `dir` open, and the bot (this process) that started it.
 * @param browserPid `undefined` while the browser is being started: then the browser's own lock names it
 * @throws `UNAVAILABLE` or `DENIED` when the disk refuses
 */
export async function recordBrowser(dir: string, browserPid?: number): Promise<void> {
  const bot = await identify(process.pid);
  const owner: Owner = browserPid === undefined ? { bot } : { bot, browser: await identify(browserPid) };
  await writeFile(join(dir, NAME), JSON.stringify(owner), { mode: 0o600 }).catch((cause) => {
    throw diskError(`write into the profile ${dir}`, cause);
  });
}

/**
 * Ends the browser that has the profile at `dir` open when the bot that started it has provably ended: a killed bot
 * leaves its Chromium running, and the profile locked. A browser whose bot runs is left alone, and so is every browser
 * on systems where a process cannot be told from a later process with the same number. Never rejects.
 */
export async function endOrphanedBrowser(dir: string): Promise<void> {
  const owner = await readOwner(dir);
  if (owner === undefined || (await isAlive(owner.bot))) return;
  const browser = owner.browser ?? (await identifyByLock(dir));
  for (const signal of browser?.startedAt === undefined ? [] : (["SIGTERM", "SIGKILL"] as const)) {
    for (let waited = 0; browser && waited < END_MS && (await isAlive(browser)); waited += POLL_MS) {
      if (waited === 0) kill(browser.pid, signal);
      await delay(POLL_MS);
    }
  }
  await rm(join(dir, NAME), { force: true }).catch(() => undefined);
}

/** The browser that Chromium's lock names, for a bot that died before it knew the number of its browser. */
async function identifyByLock(dir: string): Promise<ProcessId | undefined> {
  const pid = await browserOf(dir).catch(() => undefined);
  return pid === undefined ? undefined : await identify(pid);
}

async function readOwner(dir: string): Promise<Owner | undefined> {
  try {
    const { bot, browser } = JSON.parse(await readFile(join(dir, NAME), "utf8")) as Partial<Owner>;
    if (!isProcessId(bot) || (browser !== undefined && !isProcessId(browser))) return undefined;
    return { bot, browser };
  } catch {
    // Missing or torn: no browser is known, and none is ended.
    return undefined;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has just ended by itself.
  }
}
