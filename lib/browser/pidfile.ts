import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { diskError } from "../disk/errors.ts";
import { identify, isAlive, isProcessId, type ProcessId } from "./process-id.ts";
import { browserOf } from "./singleton-lock.ts";

/** Its name inside the profile. */
const NAME = ".wa-vault-browser.json";
/** How long a browser that was asked to end may take. */
const END_MS = 5_000;
const POLL_MS = 50;

interface Owner {
  readonly bot: ProcessId;
  /** Absent while the browser is being started. */
  readonly browser?: ProcessId | undefined;
}

/**
 * Writes down which browser of which process has the profile at `dir` open.
 * @param browserPid none while the browser is being started: its lock will name it
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
 * Ends the browser that has the profile at `dir` open when the process that started it is provably gone: a bot that was
 * killed leaves its Chromium running, which would keep the profile locked for ever. A browser whose process lives is
 * left alone, and so is everybody where processes cannot be told from later ones with the same number. Never rejects.
 */
export async function endOrphanedBrowser(dir: string): Promise<void> {
  const owner = await readOwner(dir);
  if (owner === undefined || (await isAlive(owner.bot))) return;
  const browser = owner.browser ?? (await browserByLock(dir));
  for (const signal of browser?.startedAt === undefined ? [] : (["SIGTERM", "SIGKILL"] as const)) {
    for (let waited = 0; browser && waited < END_MS && (await isAlive(browser)); waited += POLL_MS) {
      if (waited === 0) kill(browser.pid, signal);
      await delay(POLL_MS);
    }
  }
  await rm(join(dir, NAME), { force: true }).catch(() => undefined);
}

/** The bot died before it knew its browser's number. */
async function browserByLock(dir: string): Promise<ProcessId | undefined> {
  const pid = await browserOf(dir).catch(() => undefined);
  return pid === undefined ? undefined : await identify(pid);
}

async function readOwner(dir: string): Promise<Owner | undefined> {
  try {
    const { bot, browser } = JSON.parse(await readFile(join(dir, NAME), "utf8")) as Partial<Owner>;
    if (!isProcessId(bot) || (browser !== undefined && !isProcessId(browser))) return undefined;
    return { bot, browser };
  } catch {
    // Missing or torn: nothing is known, so nobody is ended.
    return undefined;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself just now.
  }
}
