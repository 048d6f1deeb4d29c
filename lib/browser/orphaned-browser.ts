import { setTimeout as delay } from "node:timers/promises";
import { isGroupRunning } from "../disk/process-group.ts";
import { groupOf, identify, type ProcessId, parentOf, stateOf } from "../disk/process-id.ts";
import { browsersOf, isBrowserOf, isStarter, looksLikeBrowser } from "./browser-process.ts";
import { readRecord, removeRecord } from "./pidfile.ts";
import { browserOf, type LockLook, openElsewhere, ownerHere, removeStaleLocks } from "./singleton-lock.ts";

/** How long a browser may take to end after each signal, in milliseconds. */
const END_MS = 5_000;
const POLL_MS = 50;
/** How often the other processes of a browser are looked for, in milliseconds: it may take a read of all processes. */
const PARTS_POLL_MS = 250;

/**
 * Makes the profile at `dir` one that no browser has open. Ends its browser when the bot that started it has provably
 * ended: a killed bot leaves its browser running. A browser of another machine or container is left alone, because its
 * number means another process here, as is every browser on systems where a process cannot be told from a later process
 * with the same number. Then removes what the browser has left: its lock, as {@link removeStaleLocks}, and the record,
 * which tells until then that the browser of the lock has ended.
 * @throws `LEASE_HELD` when a browser of this machine has the profile open all the same, because its bot runs or because
 *   it does not end; also a browser that keeps no lock in its profile; the errors of {@link removeStaleLocks}; the reason
 *   of the signal
 */
export async function endOrphanedBrowser(dir: string, look: LockLook = {}): Promise<void> {
  const record = await readRecord(dir);
  const isOrphan = record !== undefined && (await stateOf(record.bot)) === "ended";
  const orphans = isOrphan ? await orphansOf(dir, record.browser) : [];
  const { signal } = look;
  await Promise.all(orphans.map((browser) => endProcess(browser, signal)));
  if (isOrphan) {
    await Promise.all([record.browser ?? [], orphans].flat().map((browser) => partsEnd(browser, signal)));
  }
  for (const browser of await browsersIn(dir)) {
    if ((await stateOf(browser)) === "running") throw openElsewhere(dir, ownerHere(browser.pid));
  }
  await removeStaleLocks(dir, { ...look, ended: await endedAmong(orphans) });
  if (isOrphan) await removeRecord(dir);
}

/** The numbers of those that have ended. */
async function endedAmong(browsers: readonly ProcessId[]): Promise<number[]> {
  const states = await Promise.all(browsers.map(stateOf));
  return browsers.filter((_, index) => states[index] === "ended").map(({ pid }) => pid);
}

/** The browsers of this machine that have the profile open, by their command lines and by Chromium's own lock. */
async function browsersIn(dir: string): Promise<ProcessId[]> {
  const locked = await browserOf(dir);
  const found = new Set([...(locked === undefined ? [] : [locked]), ...(await browsersOf(dir))]);
  return await Promise.all([...found].map(identify));
}

/** @param recorded absent when the bot died before it knew the number of its browser: then it is whichever is open */
async function orphansOf(dir: string, recorded: ProcessId | undefined): Promise<ProcessId[]> {
  const open = await browsersIn(dir);
  if (recorded === undefined) return await browsersAmong(open);
  // The bot may have started a script that has started the browser: puppeteer makes a process group of both. No later
  // process has the number of a group that exists.
  const groups = await Promise.all(open.map(({ pid }) => groupOf(pid)));
  const orphans = open.filter(({ pid }, index) => pid !== recorded.pid && groups[index] === recorded.pid);
  // A profile that was copied has the record of the browser of another one.
  return (await isBrowserOf(recorded.pid, dir)) ? [recorded, ...orphans] : orphans;
}

/**
 * Those that are browsers, and the scripts that have started one: another program, as a test or a server, may have the
 * option on its command line.
 */
async function browsersAmong(open: readonly ProcessId[]): Promise<ProcessId[]> {
  const found = await Promise.all(
    open.map(async (each) => ({
      each,
      parent: await parentOf(each.pid),
      isBrowser: await looksLikeBrowser(each.pid),
      isStarter: await isStarter(each.pid),
    })),
  );
  const parents = new Set(found.filter(({ isBrowser }) => isBrowser).map(({ parent }) => parent));
  const ours = found.filter((one) => one.isBrowser || (parents.has(one.each.pid) && !one.isStarter));
  return ours.map(({ each }) => each);
}

async function endProcess(browser: ProcessId, signal: AbortSignal | undefined): Promise<void> {
  for (const how of ["SIGTERM", "SIGKILL"] as const) {
    for (let waited = 0; waited < END_MS && (await stateOf(browser)) === "running"; waited += POLL_MS) {
      if (waited === 0) kill(browser.pid, how);
      await pause(POLL_MS, signal);
    }
  }
}

/**
 * Waits a while for the other processes of a browser that has ended, which are of its group: Chromium writes its storage
 * in a process of its own, which may end a moment later than the main process.
 */
async function partsEnd(browser: ProcessId, signal: AbortSignal | undefined): Promise<void> {
  if ((await stateOf(browser)) !== "ended") return;
  for (let waited = 0; waited < END_MS && isGroupRunning(browser.pid); waited += PARTS_POLL_MS) {
    await pause(PARTS_POLL_MS, signal);
  }
}

/** @throws the reason of the signal */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
  signal?.throwIfAborted();
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has just ended by itself.
  }
}
