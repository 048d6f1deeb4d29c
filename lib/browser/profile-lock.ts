import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { diskError } from "../disk/errors.ts";
import { identify, isOfHere, isSameProcess } from "../disk/process-id.ts";
import {
  asidesOf,
  type Claim,
  createClaim,
  type FoundClaim,
  readClaim,
  removeClaim,
  removeOwnClaim,
} from "./claim-file.ts";
import { living, stateOfRun } from "./claim-judge.ts";
import { ClaimKeeper, TOUCH_MS } from "./claim-keeper.ts";
import { changesWithin, LOOK_TIMES, printOfProfile } from "./look.ts";
import { type BrowserRecord, readRecord, removeRecordOf } from "./pidfile.ts";
import { held, lockError, noClaimThere, takenOver, troubleWith } from "./profile-lock-errors.ts";

/** Locks a profile from the choice of its files until its browser has ended. */
export interface ProfileLock {
  /** Id of the claim. */
  readonly id: string;
  /** Whether the files of the profile were looked at for a while, and nobody has used them. */
  readonly hasLooked: boolean;
  /** Aborts, with a `LEASE_LOST`, when another process has taken the lock over because it took this process for dead. */
  readonly lost: AbortSignal;
  /**
   * Must be called before the profile is replaced or opened.
   * @throws `LEASE_HELD` when another process has taken the lock over
   */
  check(): Promise<void>;
  /** The profile is recorded as this run's, and is being opened: a lock file that vanishes is made again from now on. */
  opened(): void;
  /** Releases the lock. Never rejects; may be called twice. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** Ends the wait for the lock, with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** How long a claim of another machine or container is looked at, in milliseconds. @default 10000 */
  readonly claimMs?: number | undefined;
  /** How long a claim of a running process is waited for, which may just be ending, in milliseconds. @default 4000 */
  readonly heldMs?: number | undefined;
  /** How often the own claim is touched, in milliseconds. @default 2000 */
  readonly touchMs?: number | undefined;
  /** Called with warnings for a person. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

const ATTEMPTS = 5;
/** The pause after a claim that was gone when it was read, in milliseconds. */
const GONE_MS = 50;
/** After how long a look is told of, in milliseconds. */
const SAY_MS = 2_000;
/** How long a torn claim is looked at, in milliseconds: its owner, if it lives, makes it anew at its second touch. */
const TORN_MS = 5_000;
/** How long a claim may be without its name while another start judges it, in milliseconds. */
const ASIDE_MS = 1_000;

/**
 * Locks the profile at `dir`, by a file beside it that is touched every two seconds. Of several processes that open one
 * profile only one gets the lock, also when they run on several machines or in several containers. The lock of a process
 * that has ended is taken over: at once when the process is known to have ended, else when nobody has touched the lock or
 * a file of the profile for ten seconds. A run that is just ending is waited for.
 * @throws `LEASE_HELD` when another run has the profile; `UNAVAILABLE` or `DENIED` when the disk refuses; the reason of
 *   the signal
 */
export async function lockProfile(dir: string, options: LockOptions = {}): Promise<ProfileLock> {
  const path = `${dir}.claim`;
  const id = randomBytes(8).toString("hex");
  const claim: Claim = { id, host: hostname(), ...(await identify(process.pid)) };
  living.add(id);
  let hasLooked: boolean;
  try {
    await mkdir(dirname(dir), { recursive: true });
    hasLooked = await take(path, dir, claim, options);
    hasLooked ||= await lookAtRecord(path, dir, claim, options);
  } catch (cause) {
    living.delete(id);
    if (options.signal?.aborted) throw options.signal.reason;
    throw lockError(dir, cause);
  }
  const lost = new AbortController();
  const begun = performance.now();
  const asides = await asidesOf(path);
  const keeper = new ClaimKeeper({
    path,
    claim,
    dir,
    touchMs: options.touchMs ?? TOUCH_MS,
    async isAlone() {
      const record = await readRecord(dir);
      if (record === undefined) return true;
      return record.claim === undefined ? isSameProcess(record.bot, claim) : record.claim === id;
    },
    onLost: (by) => lost.abort(takenOver(dir, by)),
    onTrouble: (code) => options.onWarning?.(troubleWith(path, code)),
  });
  return {
    id,
    hasLooked,
    lost: lost.signal,
    async check() {
      const found = await readBackClaim(path).catch((cause) => {
        throw diskError(`read the lock of the profile ${dir}`, cause);
      });
      if (found?.claim?.id !== id) throw held(dir, found?.claim);
    },
    opened: () => keeper.opened(),
    async release() {
      keeper.stop();
      await removeRecordOf(dir, id);
      if (!(await removeOwn(path, id))) setTimeout(() => void removeOwn(path, id), ASIDE_MS).unref();
      living.delete(id);
      // No start judges a claim for so long: it was killed meanwhile.
      if (performance.now() - begun < ASIDE_MS) return;
      for (const aside of asides) await rm(aside, { force: true }).catch(() => undefined);
    },
  };
}

/** As {@link readClaim}: a claim that another start has judged wrongly has no name for a moment. */
async function readBackClaim(path: string): Promise<FoundClaim | undefined> {
  for (let waited = 0; ; waited += GONE_MS) {
    const found = await readClaim(path);
    if (found !== undefined || waited >= ASIDE_MS) return found;
    await delay(GONE_MS);
  }
}

/** Never rejects. @returns whether there was a claim, which was removed when it was that of the run `id` */
async function removeOwn(path: string, id: string): Promise<boolean> {
  return await removeOwnClaim(path, id).catch(() => false);
}

/** As {@link changesWithin}; says so, because nothing else is heard of a start that looks. */
async function looksUsed(
  dir: string,
  ms: number,
  print: () => Promise<string>,
  options: LockOptions,
): Promise<boolean> {
  const { signal, onWarning = () => undefined } = options;
  const say = (): void => {
    const seconds = Math.ceil(ms / 1_000);
    onWarning(`Looking for up to ${seconds} s whether another machine or container uses the profile ${dir}.`);
  };
  const timer = ms > SAY_MS ? setTimeout(say, SAY_MS) : undefined;
  try {
    return await changesWithin(ms, print, signal);
  } finally {
    clearTimeout(timer);
  }
}

/** @returns whether it has looked at the profile for a while */
async function take(path: string, dir: string, own: Claim, options: LockOptions): Promise<boolean> {
  const { signal, claimMs = LOOK_TIMES.claimMs, heldMs = LOOK_TIMES.heldMs } = options;
  let hasWaited = heldMs === 0;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    if (await createClaim(path, own)) return false;
    const found = await readClaim(path);
    if (found === undefined) {
      // Released just now; or the name is there, and no file: a link that leads nowhere.
      if (attempt >= ATTEMPTS) throw noClaimThere(path);
      await delay(GONE_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
      continue;
    }
    const state = await stateOfRun(found, own);
    if (state === "running" && !hasWaited) {
      hasWaited = true;
      if (await changesWithin(heldMs, () => printOfRun(path, own), signal)) continue;
    }
    if (state === "running" || attempt >= ATTEMPTS) throw held(dir, found.claim);
    if (state === "unknown") {
      const lookMs = found.claim === undefined ? Math.min(claimMs, TORN_MS) : claimMs;
      const isUsed = await looksUsed(dir, lookMs, () => printOf(path, dir), options);
      const later = isUsed ? await readClaim(path) : found;
      // Released, written to the end, or taken by another process: that is judged anew.
      if (later?.text !== found.text) continue;
      if (isUsed) throw held(dir, found.claim);
    }
    if (!(await removeClaim(path, found))) throw held(dir, (await readClaim(path))?.claim);
    if (state === "unknown" && (await createClaim(path, own))) return true;
  }
}

/**
 * Where the profile alone is shared, as a volume, each container has a folder of its own beside it, and sees no claim but
 * its own: then the record in the profile, which its run touches too, tells of a run elsewhere.
 * @returns whether it has looked at the profile for a while
 */
async function lookAtRecord(path: string, dir: string, own: Claim, options: LockOptions): Promise<boolean> {
  const record = await readRecord(dir);
  // Earlier versions do not touch it, and leave it when they end.
  if (record?.claim === undefined || (await isOfHere(record.bot))) return false;
  try {
    const { claimMs = LOOK_TIMES.claimMs } = options;
    if (!(await looksUsed(dir, claimMs, () => printOfProfile(dir), options))) return true;
    throw held(dir, ownerOf(record, record.claim));
  } catch (error) {
    await removeOwn(path, own.id);
    throw error;
  }
}

function ownerOf({ bot, host }: BrowserRecord, id: string): Claim {
  return { ...bot, id, host: host ?? "another machine" };
}

async function printOf(path: string, dir: string): Promise<string> {
  const found = await readClaim(path);
  return `${found?.text} ${found?.touched}\n${await printOfProfile(dir)}`;
}

async function printOfRun(path: string, own: Claim): Promise<string> {
  const found = await readClaim(path);
  return found === undefined ? "released" : `${await stateOfRun(found, own)} ${found.text}`;
}
