import { setMaxListeners } from "node:events";
import { readAhead } from "../async/read-ahead.ts";
import { isVaultError, safeCause, safeMessage, VaultError } from "../errors.ts";
import type { SessionDetails, SessionFacts, SessionSummary } from "../store.ts";
import type { VaultContext } from "./context.ts";
import { currentOf, type Entry, entryOf, generationInfo, kindOf, type LeaseTerms } from "./entry.ts";
import { manifestOf } from "./generations.ts";
import { endDate } from "./kept-until.ts";
import { isSessionName, SESSIONS_PREFIX, sessionPrefix } from "./layout.ts";
import { LeaseBlobs } from "./lease/lease-blobs.ts";
import { ownerName } from "./lease/owner.ts";
import { logOf, SessionLog } from "./log.ts";
import { candidatesOf } from "./restore.ts";

/** How many sessions are read at once. */
const AT_ONCE = 8;

/**
 * Names of all sessions that were ever written, in the order of the store. What others keep beside them is left out: a name
 * that no session can have.
 */
export async function* sessionNames({ blobs }: VaultContext, signal?: AbortSignal): AsyncGenerator<string> {
  for await (const { key } of blobs.list(SESSIONS_PREFIX, { signal, keysOnly: true })) {
    const name = key.slice(SESSIONS_PREFIX.length);
    if (isSessionName(name)) yield name;
  }
}

/**
 * What the newest entry of each session tells. Holds the names of one page and the facts of a few sessions at a time.
 * @throws the store's error when it does not answer at all: one session that cannot be read is told, and stops nothing
 */
export async function* sessionSummaries(context: VaultContext, signal?: AbortSignal): AsyncGenerator<SessionSummary> {
  // Every session that is being read listens to it.
  if (signal) setMaxListeners(0, signal);
  const outage = new OutageCheck(context);
  const read = async (session: string): Promise<SessionSummary | undefined> => {
    try {
      return await summaryOf(context, session, outage, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (isVaultError(error, "UNAVAILABLE")) await outage.check(signal);
      return { session, problem: problemOf(session, error) };
    }
  };
  for await (const summary of readAhead(sessionNames(context, signal), AT_ONCE, read)) if (summary) yield summary;
}

/**
 * What the newest entry of one session tells; `undefined` when nothing was ever written for it.
 * @throws what is wrong with the session, or the store
 */
export async function sessionFacts(
  context: VaultContext,
  session: string,
  signal?: AbortSignal,
): Promise<SessionFacts | undefined> {
  try {
    return await summaryOf(context, session, new OutageCheck(context), signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw problemOf(session, error);
  }
}

/** A store that does not answer any more must not be asked for each of a thousand sessions. */
class OutageCheck {
  readonly #context: VaultContext;
  #underWay: Promise<void> | undefined;

  constructor(context: VaultContext) {
    this.#context = context;
  }

  /** @throws the store's error when it does not list sessions any more */
  async check(signal: AbortSignal | undefined): Promise<void> {
    this.#underWay ??= this.#look(signal).finally(() => {
      this.#underWay = undefined;
    });
    await this.#underWay;
  }

  async #look(signal: AbortSignal | undefined): Promise<void> {
    for await (const _ of sessionNames(this.#context, signal)) return;
  }
}

/** What is known of one session; `undefined` when nothing was ever written for it. @throws when it cannot be read */
export async function sessionDetails(
  context: VaultContext,
  session: string,
  signal?: AbortSignal,
): Promise<SessionDetails | undefined> {
  const log = logOf(context, session);
  const entry = await log.newest(signal);
  if (!entry) return undefined;
  const stored = { values: 0, bytes: 0 };
  for await (const { size } of context.blobs.list(sessionPrefix(session), { signal })) {
    stored.values++;
    stored.bytes += size;
  }
  const facts = await factsOf(context, session, entry, new OutageCheck(context), signal);
  const kept = entry.live.map((one) => generationInfo(one, entry.since));
  const { n, epoch, deleted, records } = entry;
  const current = deleted ? undefined : currentOf(entry);
  const restores = !current ? [] : records ? [current.n] : candidatesOf(session, entry, undefined).map((one) => one.n);
  return { ...facts, ...(await partsOf(context, log, entry, signal)), entry: n, epoch, restores, kept, stored };
}

/** What the entry of the current generation tells of its parts; nothing when that entry cannot be read. */
async function partsOf(
  context: VaultContext,
  log: SessionLog,
  newest: Entry,
  signal: AbortSignal | undefined,
): Promise<Pick<SessionDetails, "profile" | "folds">> {
  const { records } = newest;
  const current = currentOf(newest);
  try {
    const entry = current && (await log.read(entryOf(current).n, signal));
    if (records) {
      const entriesAfter = newest.n - records.through;
      return { folds: { segments: entry?.fold?.segments.length ?? 0, entriesAfter } };
    }
    const manifest = entry && (await manifestOf(context, log.session, entry, signal));
    return manifest ? { profile: manifest.profile } : {};
  } catch (error) {
    // It is a listing of facts: `verifySession` tells what is damaged.
    if (!isVaultError(error, "CORRUPT") && !isVaultError(error, "WRONG_KEY")) throw error;
    return {};
  }
}

/** @returns `undefined` when the session has gone since it was listed */
async function summaryOf(
  context: VaultContext,
  session: string,
  outage: OutageCheck,
  signal: AbortSignal | undefined,
): Promise<SessionFacts | undefined> {
  // Not kept: a store has more sessions than this process runs.
  const frames = context.passingFrames(session);
  const entry = await new SessionLog(context.blobs, frames).newest(signal);
  return entry && (await factsOf(context, session, entry, outage, signal));
}

async function factsOf(
  context: VaultContext,
  session: string,
  entry: Entry,
  outage: OutageCheck,
  signal: AbortSignal | undefined,
): Promise<SessionFacts> {
  const frames = context.passingFrames(session);
  const { lease, live, deleted, by, since = 0 } = entry;
  const kind = kindOf(entry);
  const saved = currentOf(entry);
  const blobs = (terms: LeaseTerms): LeaseBlobs => new LeaseBlobs(context, session, entry.epoch, terms, frames);
  const [oldest] = live.filter(({ n }) => n >= since);
  return {
    session,
    ...(kind ? { kind } : {}),
    ...(saved ? { saved: generationInfo(saved, since) } : {}),
    generations: live.length,
    ...(oldest ? { oldestAt: new Date(oldest.at) } : {}),
    changedAt: new Date(entry.at),
    ...(deleted ? { deleted: { at: new Date(deleted.at), until: endDate(deleted) } } : {}),
    holder: lease ? ownerName(lease) : by,
    ...(lease ? await leaseIfRead(blobs(lease), lease, session, outage, signal) : {}),
    ...profileOf(entry),
  };
}

/** As {@link leaseOf}: what is wrong with the lease is told beside the facts, which are those of the newest entry. */
async function leaseIfRead(
  blobs: LeaseBlobs,
  terms: LeaseTerms,
  session: string,
  outage: OutageCheck,
  signal: AbortSignal | undefined,
): Promise<Pick<SessionFacts, "lease" | "leaseProblem">> {
  try {
    return await leaseOf(blobs, terms, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (isVaultError(error, "UNAVAILABLE")) await outage.check(signal);
    return { leaseProblem: problemOf(`the lease of ${session}`, error) };
  }
}

/** @returns nothing when the lease was released */
async function leaseOf(
  blobs: LeaseBlobs,
  terms: LeaseTerms,
  signal: AbortSignal | undefined,
): Promise<Pick<SessionFacts, "lease">> {
  const { isReleased, turn } = await blobs.list(signal);
  if (isReleased) return {};
  const { since, ttlMs } = terms;
  const expiresAt = (turn === 0 ? undefined : await blobs.expiresAt(turn, signal)) ?? since + ttlMs;
  const times = { since: new Date(since), expiresAt: new Date(expiresAt) };
  return { lease: { owner: ownerName(terms), ...times, ttlMs, renewals: turn } };
}

/** What the manifest in the entry says: only the entry of a save has one. */
function profileOf({ n, content, manifest }: Entry): Pick<SessionFacts, "profile"> {
  return manifest && n === content ? { profile: manifest.profile } : {};
}

function problemOf(what: string, error: unknown): VaultError {
  if (isVaultError(error)) return error;
  // An entry whose JSON is whole and has something else in it than an entry has.
  return new VaultError("CORRUPT", `Could not read ${what}: ${safeMessage(error)}`, { cause: safeCause(error) });
}
