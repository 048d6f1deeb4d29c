import { readlink, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { removeJudged } from "../disk/durable.ts";
import { codeOf, isMissing } from "../disk/errors.ts";
import { isOfHere, type ProcessState, stateOf } from "../disk/process-id.ts";
import { VaultError } from "../errors.ts";
import { isBrowserOf } from "./browser-process.ts";
import { changesWithin, LOOK_TIMES, printOfProfile } from "./look.ts";
import { readRecord } from "./pidfile.ts";

export interface LockLook {
  /** How long the profile is looked at when its lock is of another machine, in milliseconds; 0: not at all. @default 5000 */
  readonly lockMs?: number | undefined;
  /** Ends the look. */
  readonly signal?: AbortSignal | undefined;
  /** Browsers of this machine that had the profile open, and are known to have ended: their numbers. */
  readonly ended?: readonly number[];
}

/**
 * Removes the lock (`SingletonLock`, `SingletonSocket`, `SingletonCookie`) that a browser left in the profile at `dir`,
 * when that browser has ended: its process does not exist, another process has its number now, or it ran on another
 * machine or in another container (a container that was replaced has another name) and no file of the profile changes for
 * a while. Chromium refuses a profile with the lock of another machine, and kills the process that has the number of the
 * lock on its own machine.
 * @throws `LEASE_HELD` when a browser has the profile open; the reason of the signal.
 */
export async function removeStaleLocks(dir: string, look: LockLook = {}): Promise<void> {
  const lock = join(dir, "SingletonLock");
  const owner = await ownerThatEnded(dir, look);
  if (owner === undefined) return;
  const removed = await removeJudged(lock, async (aside) => (await readLock(aside)) === owner);
  if (removed === "given back") throw openElsewhere(dir, (await readLock(lock)) ?? owner);
  if (removed === "gone") return;
  for (const path of [join(dir, "SingletonSocket"), join(dir, "SingletonCookie")]) await rm(path, { force: true });
}

/** Changes nothing. @throws `LEASE_HELD` when a browser has the profile at `dir` open; the reason of the signal */
export async function checkClosed(dir: string, look: LockLook = {}): Promise<void> {
  await ownerThatEnded(dir, look);
}

/** The owner of the lock of a browser that has ended; `undefined` without a lock. @throws as {@link checkClosed} */
async function ownerThatEnded(
  dir: string,
  { lockMs = LOOK_TIMES.lockMs, signal, ended = [] }: LockLook,
): Promise<string | undefined> {
  const owner = await readLock(join(dir, "SingletonLock"));
  if (owner === undefined) return undefined;
  if (ended.some((pid) => owner === ownerHere(pid))) return owner;
  const state = await stateOfOwner(owner, dir);
  if (state === "running") throw openElsewhere(dir, owner);
  const isLookedAt = state === "unknown" && lockMs > 0;
  if (isLookedAt && (await changesWithin(lockMs, () => printOfProfile(dir), signal))) throw openElsewhere(dir, owner);
  return owner;
}

/** Changes nothing. @throws `LEASE_HELD` when a browser of this machine has the profile at `dir` open. */
export async function checkNoBrowser(dir: string): Promise<void> {
  const pid = await browserOf(dir);
  if (pid !== undefined) throw openElsewhere(dir, ownerHere(pid));
}

/** The number of the browser that has the profile at `dir` open on this machine; `undefined` when there is none. */
export async function browserOf(dir: string): Promise<number | undefined> {
  const { host, pid } = partsOf((await readLock(join(dir, "SingletonLock"))) ?? "");
  return host === hostname() && pid !== undefined && (await isOpenIn(pid, dir)) ? pid : undefined;
}

/** The target of the lock, `<host>-<pid>`; empty when the lock is no symbolic link; `undefined` when it is missing. */
async function readLock(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    if (codeOf(cause) === "EINVAL") return "";
    throw cause;
  }
}

/** What a lock says of a browser of this machine. */
export function ownerHere(pid: number): string {
  return `${hostname()}-${pid}`;
}

function partsOf(owner: string): { host?: string | undefined; pid?: number } {
  const [, host, digits] = /^(.*)-(\d+)$/.exec(owner) ?? [];
  const pid = Number(digits);
  return Number.isSafeInteger(pid) && pid >= 1 ? { host, pid } : {};
}

/** The state of the browser that a lock names. */
async function stateOfOwner(owner: string, dir: string): Promise<ProcessState> {
  const { host, pid } = partsOf(owner);
  // No browser makes such a lock: a copy of a profile has it, as a file.
  if (pid === undefined) return "ended";
  const isHere = host === hostname();
  if (isHere && (await isOpenIn(pid, dir))) return "running";
  const record = await readRecord(dir);
  if (record === undefined || (record.browser !== undefined && record.browser.pid !== pid)) {
    return isHere && process.platform !== "linux" ? "ended" : "unknown";
  }
  // The machine may have had another name when its browser was started.
  if (record.browser !== undefined) {
    const state = await stateOf(record.browser);
    // A profile that was copied has the lock and the record of another one.
    return state === "running" && !(await isBrowserOf(pid, dir)) ? "ended" : state;
  }
  return isHere && (await isOfHere(record.bot)) ? "ended" : "unknown";
}

/** Whether the process of this machine runs, and has this profile open. */
async function isOpenIn(pid: number, dir: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if (codeOf(cause) === "ESRCH") return false;
  }
  return await isBrowserOf(pid, dir);
}

/** @param owner of the browser, `<host>-<pid>` */
export function openElsewhere(dir: string, owner: string): VaultError {
  const { host, pid } = partsOf(owner);
  const holder =
    pid === undefined ? "another browser" : host === hostname() ? `process ${pid}` : `process ${pid} of ${host}`;
  return new VaultError("LEASE_HELD", `The profile ${dir} is open in ${holder}.`, {
    owner,
    hint: `End ${holder}, or give this client another \`clientId\` or \`dataPath\`.`,
  });
}
