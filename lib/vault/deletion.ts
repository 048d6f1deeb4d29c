import { AbsentSession } from "./absent-session.ts";
import type { LogState } from "./entry.ts";
import type { Draft, EntryFacts } from "./entry-draft.ts";
import { endDate, isOver, keptFor } from "./kept-until.ts";
import type { VaultLease } from "./lease.ts";
import { bytesOf } from "./records/loose-entries.ts";
import { readRecords } from "./records/read-records.ts";
import { draftFold, storeFold, type WholeRecords } from "./records/store-fold.ts";
import { trustedTime } from "./trusted-time.ts";
import { unlessCorrupt } from "./unless-corrupt.ts";

/** What {@link deleteSession} asks for, and tells. */
export interface DeletionOptions {
  /** How long the deletion can be taken back, in milliseconds; 0 keeps nothing. */
  readonly retainMs: number;
  /** All records after the newest entry of them, put together; `undefined` when they are damaged. @default they are read */
  readonly wholeRecords?: ((signal?: AbortSignal) => Promise<WholeRecords | undefined>) | undefined;
  /** Called before an entry with this id is sent, which deletes the session. */
  readonly onSending?: ((id: string) => void) | undefined;
}

/**
 * Deletes a session; does nothing to one that is deleted already, or was never saved. Of a session of records, the entry
 * that deletes it puts all records together, so that they stay whole beside those of a later link. To be called by work
 * that the lease runs.
 */
export async function deleteSession(
  lease: VaultLease,
  { retainMs, wholeRecords = (signal) => readWhole(lease, signal), onSending = () => {} }: DeletionOptions,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { writer } = lease;
  for (let isStale = true; isStale; ) {
    await writer.catchUp(signal);
    const last = lastToKeep(writer.state, retainMs);
    const whole = last === undefined ? undefined : await wholeRecords(signal);
    isStale = false;
    await writer.commit((state, next) => {
      // An earlier entry of this holder has arrived meanwhile.
      isStale = lastToKeep(state, retainMs) !== last;
      const draft = isStale ? undefined : draftDeletion(state, next, retainMs, whole);
      if (draft) onSending(next.id);
      return draft;
    }, signal);
  }
}

/** Id of the last entry of the records that a deletion keeps; `undefined` when it keeps none. */
function lastToKeep(state: LogState, retainMs: number): string | undefined {
  return retainMs > 0 && isPresent(state) ? state.records?.last?.id : undefined;
}

function isPresent({ content, deleted }: LogState): boolean {
  return content !== 0 && !deleted;
}

/** Whether there is nothing that a deletion of this session would still delete. */
export function isDeletedFor({ content, dead, deleted }: LogState, retainMs: number): boolean {
  if (content === 0) return retainMs > 0 || dead.length === 0;
  return deleted !== undefined && retainMs > 0;
}

function draftDeletion(
  state: LogState,
  next: EntryFacts,
  retainMs: number,
  whole: WholeRecords | undefined,
): Draft | undefined {
  const time = trustedTime(state, next);
  const { at } = time;
  if (retainMs === 0) {
    return state.content === 0 ? undefined : { kind: "deleted", content: 0, live: [], deleted: { at, until: at } };
  }
  if (!isPresent(state)) return undefined;
  const deleted = { at, ...keptFor(retainMs, time) };
  return { kind: "deleted", deleted, ...(whole ? draftFold(state, next, whole) : {}) };
}

/**
 * Takes the deletion of a session back; nothing when the session is not deleted.
 * @throws `ABSENT` when it was never saved, or its deletion cannot be taken back any more
 */
export function draftUndeletion(session: string, state: LogState, next: EntryFacts): Draft | undefined {
  const { content, deleted } = state;
  if (content !== 0 && !deleted) return undefined;
  // Its data may go from the moment on from which it cannot be taken back, and not before.
  if (content !== 0 && deleted && !isOver(deleted, trustedTime(state, next))) {
    return { kind: "undeleted", deleted: undefined };
  }
  if (!deleted) throw neverSaved(session);
  const ended = `its deletion could be taken back until ${endDate(deleted).toISOString()}`;
  throw new AbsentSession(`Could not undelete ${session}: ${ended}.`);
}

/** Of a name that has no log. */
export function neverSaved(session: string): AbsentSession {
  return new AbsentSession(`Could not undelete ${session}: it was never saved.`);
}

/** The records of a session as the log has them, put together; `undefined` when they are damaged. */
async function readWhole(lease: VaultLease, signal: AbortSignal | undefined): Promise<WholeRecords | undefined> {
  const { context, session, writer } = lease;
  const { state } = writer;
  const stored = await unlessCorrupt(readRecords(context, writer.log, state, signal));
  const through = state.records?.last;
  if (!stored || !through) return undefined;
  const { table, segments, loose } = stored;
  const keyId = await context.frames(session).keyId();
  const looseBytes = bytesOf(loose);
  const fold = await storeFold(lease, { table, segments, through, looseBytes, keyId }, signal);
  return { fold, keyId, ...table.size };
}
