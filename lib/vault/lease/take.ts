import type { Mutex } from "../../async/mutex.ts";
import { tell } from "../../diagnostics/channels.ts";
import { VaultError } from "../../errors.ts";
import type { VaultContext } from "../context.ts";
import type { Entry, LeaseTerms, LogState } from "../entry.ts";
import { EMPTY_LOG, entryAfter, entryFacts } from "../entry-draft.ts";
import { sessionKey } from "../layout.ts";
import { newestOf, SessionLog } from "../log.ts";
import { type Moment, NewestProof } from "../newest-proof.ts";
import { PendingAppends } from "../pending-appends.ts";
import { LeaseBlobs } from "./lease-blobs.ts";
import { type HeldSession, LeaseWatch, type Seen } from "./watch.ts";

/** What taking a session takes. */
export interface TakeOptions {
  /** Whether the hold comes with a lease, where the backend can have leases. @default false */
  leased?: boolean | undefined;
  /** What was seen of earlier leases. */
  watch?: LeaseWatch | undefined;
  /** Takes the session also while the lease of this state is alive. */
  breaks?: LogState | undefined;
  /** How long to wait for a holder that is alive, in milliseconds. @default 0 */
  waitMs?: number | undefined;
  /**
   * Appends of the newest hold of this vault that may still take effect. The hold is added where nothing is created
   * exclusively.
   */
  pending?: PendingAppends | undefined;
  /** Shared by leases whose operations must not run at the same time; held while the session is taken. */
  operations?: Mutex | undefined;
  signal?: AbortSignal | undefined;
}

/** A session that was taken. */
export interface Taken {
  readonly log: SessionLog;
  readonly hold: Entry;
  /** Before the listing that has shown the hold as the newest entry. */
  readonly seen: Moment;
  /** Numbers of the entries that this listing has shown. */
  readonly numbers: readonly number[];
  /** The lease before it, unless it was released. */
  readonly earlier?: LeaseTerms | undefined;
  /** The blobs of the lease before it, which nobody needs any more. */
  readonly earlierKeys: readonly string[];
}

/** How often another process may come first while a session is being taken. */
const TRIES = 20;
/** The pause before the second look, in milliseconds; later ones grow with the time that was waited. */
const FIRST_POLL_MS = 250;
/** The longest pause between two looks, in milliseconds. */
const POLL_MS = 5_000;
/** How many looks at least are made in one lease. */
const LOOKS_PER_LEASE = 30;
/** How long the requests of a look may take, as a share of the lease, for a lease that has ended already. */
const LOOK_SHARE = 1 / 12;
/** The longest time to watch a lease that has ended already, for a caller that does not wait, in milliseconds. */
const OVERDUE_MS = 5 * 60 * 1000;

/**
 * Takes the session: appends a `hold` entry, which counts once a second listing shows it as the newest.
 * @throws `LEASE_HELD` when the lease of another holder is alive, and still is after `waitMs`; it is watched for half of
 *   its time in any case when it has ended by the wall clock.
 */
export async function takeSession(context: VaultContext, session: string, options: TakeOptions): Promise<Taken> {
  const { watch = new LeaseWatch(), pending = new PendingAppends(), signal } = options;
  const { exclusiveCreate } = await context.traits(signal);
  const hasLeases = await context.hasLeases(signal);
  const frames = context.frames(session);
  const log = new SessionLog(context.blobs, frames, exclusiveCreate);
  const until = context.clock.monotonicMs() + (options.waitMs ?? 0);
  for (let tries = 0; tries < TRIES; tries++) {
    const { state, isFree, keys: earlierKeys } = await freeState(context, log, watch, until, options, hasLeases);
    await frames.prepare(signal);
    const n = pending.numberAfter(state.n, log);
    const facts = entryFacts(n, state.epoch + 1, context.by, context.clock.wallMs());
    const lease = options.leased && hasLeases ? await newLease(context, facts) : undefined;
    const hold = entryAfter(state, { kind: "hold", lease }, facts);
    // Another lease of this vault may append at the same time: from now on it leaves the number alone.
    if (!exclusiveCreate) pending.add(hold);
    let seen: Moment;
    let numbers: number[];
    try {
      const { committed } = await log.append(hold, signal);
      seen = NewestProof.now(context.clock);
      numbers = committed ? await log.numbers(signal) : [];
      if (newestOf(numbers) !== hold.n) {
        // The listing may be behind: the hold is there then, and nobody uses it.
        if (committed) await giveUp(context, session, hold, watch);
        continue;
      }
      if (state.content === 0) await announce(context, session, signal);
    } catch (error) {
      await giveUp(context, session, hold, watch);
      throw error;
    }
    watch.taken(hold);
    return { log, hold, seen, numbers, earlierKeys, earlier: isFree ? undefined : state.lease };
  }
  const why = "other processes kept taking it at the same moment";
  throw new VaultError("UNAVAILABLE", `Could not take ${session}: ${why}.`, {
    hint: "Run one process per session. If there is only one, the listings of the store are behind what was written.",
  });
}

/**
 * Tells the store, and this vault, that a hold which is in the log, or may still come there, is nobody's. Takes a few
 * seconds at most, and never rejects.
 */
export async function giveUp(
  context: VaultContext,
  session: string,
  hold: Entry,
  watch: LeaseWatch | undefined,
): Promise<void> {
  watch?.giveUp(hold);
  if (hold.lease) await new LeaseBlobs(context, session, hold.epoch, hold.lease).release();
}

/** The newest state, once no live lease of another holder keeps this process from taking the session. */
async function freeState(
  context: VaultContext,
  log: SessionLog,
  watch: LeaseWatch,
  until: number,
  { breaks, signal }: TakeOptions,
  hasLeases: boolean,
): Promise<Omit<Seen, "held"> & { state: LogState }> {
  const { clock } = context;
  const began = clock.monotonicMs();
  let isTold = false;
  let followed = 0;
  for (;;) {
    const state = (await log.newest(signal)) ?? EMPTY_LOG;
    if (!hasLeases) return { state, isFree: true, keys: [] };
    const { held, ...seen } = await watch.look(context, log.session, state, signal);
    if (!held || breaks?.lease?.hold === state.lease?.hold) return { state, ...seen };
    const now = clock.monotonicMs();
    const leftMs = Math.max(until - now, overdueMs(held, now - began));
    if (leftMs <= 0) {
      // A holder that has come meanwhile has deleted what was stored of the lease, a release as well.
      if (state.n === followed || !(await log.readFollower(state.n + 1, signal))) throw leaseHeld(log.session, held);
      followed = state.n;
      continue;
    }
    if (!isTold) tellWaiting(context, log.session, held, leftMs);
    isTold = true;
    // Most releases come soon after a process was told to end.
    const pollMs = Math.min(POLL_MS, held.ttlMs / LOOKS_PER_LEASE, Math.max(FIRST_POLL_MS, (now - began) / 4));
    await clock.sleep(Math.ceil(Math.min(pollMs, held.leftMs, leftMs)), signal);
  }
}

/**
 * How long to go on watching a lease that has ended by the wall clock, in milliseconds: until half of its time has passed
 * in this call. A process that is never told to wait could not take the session of a dead host otherwise.
 */
function overdueMs({ hasExpired, ttlMs, leftMs }: HeldSession, waitedMs: number): number {
  const isUnchanged = waitedMs + leftMs <= ttlMs * (1 / 2 + LOOK_SHARE);
  return hasExpired && isUnchanged && waitedMs + leftMs <= OVERDUE_MS ? leftMs : 0;
}

async function newLease({ options, clock, processes }: VaultContext, { id }: Pick<Entry, "id">): Promise<LeaseTerms> {
  return { ...(await processes.self()), hold: id, since: clock.wallMs(), ttlMs: options.leaseTtlMs };
}

/**
 * Makes the session known to listings, and to a reader that finds its log empty. After the first entry, so that only a
 * log that was lost is empty; before anything is saved, so that no saved session is unknown.
 */
async function announce(context: VaultContext, session: string, signal: AbortSignal | undefined): Promise<void> {
  const frame = await context.frames(session).encode("session", session, Buffer.from(JSON.stringify({ session })));
  await context.blobs.put(sessionKey(session), frame, { signal });
}

/** A process that waits for minutes and says nothing looks as if it hung. */
function tellWaiting(context: VaultContext, session: string, { owner, since }: HeldSession, ms: number): void {
  const seconds = Math.ceil(ms / 1000);
  context.warn(`Waiting up to ${seconds} s for ${owner}, which has held ${session} since ${time(since)}.`);
  tell("lease", () => ({ session, store: context.kind, change: "waiting", owner, ms }));
}

function leaseHeld(session: string, { owner, since, expiresAt }: HeldSession): VaultError {
  const message = `Could not take ${session}: ${owner} has held it since ${time(since)}; its lease ends at ${time(expiresAt)} unless it is renewed.`;
  const hint = `Stop ${owner}: it gives the session back when it ends in order. If it is gone, wait until its lease has ended, or make sure that it is gone and call the store's \`breakLease\`.`;
  return new VaultError("LEASE_HELD", message, { owner, expiresAt, hint });
}

function time(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
