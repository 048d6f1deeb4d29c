import { VaultError } from "../errors.ts";
import type { MarkOptions } from "../store.ts";
import { keptGeneration, type LogState } from "./entry.ts";
import type { Draft, EntryFacts } from "./entry-draft.ts";
import type { VaultLease } from "./lease.ts";
import { pruneWhenDue } from "./prune.ts";
import { presentState, refuseRecords, refuseRollback } from "./restore.ts";

/** What an entry changes of the newest state; `undefined` when there is nothing to change. */
export type Change = (state: LogState, next: EntryFacts) => Draft | undefined;

/**
 * Commits a change, and deletes what has become dead by it and by earlier ones, in batches. To be called by work that the
 * lease runs.
 * @returns whether there was anything to change
 */
export async function commitChange(lease: VaultLease, change: Change, signal?: AbortSignal): Promise<boolean> {
  refuseOpenRecords(lease);
  let isMade = false;
  await lease.writer.commit((state, next) => {
    const draft = change(state, next);
    isMade = draft !== undefined;
    return draft;
  }, signal);
  await pruneWhenDue(lease, signal);
  return isMade;
}

/** @throws `INVALID` when the records of the session are open under this lease: they would not learn of a change. */
export function refuseOpenRecords({ session, writer }: VaultLease): void {
  if (!writer.listener) return;
  throw new VaultError("INVALID", `Could not change ${session}: its records are open under this lease.`, {
    hint: "`clear` of what `openRecords` returned deletes them. For all else close them first.",
  });
}

/** Marks a generation; nothing when it has the mark. @throws `ABSENT` when it is not kept; `INVALID` for records */
export function draftMark(
  { session, generation, as }: MarkOptions,
  state: LogState,
  { n }: EntryFacts,
): Draft | undefined {
  refuseRecords(session, state);
  const marked = keptGeneration(session, state, generation);
  if (as === "proven" ? marked.proven && !marked.rejected : marked.rejected) return undefined;
  const now =
    as === "proven"
      ? { ...marked, proven: true, rejected: undefined, rejectedIn: undefined }
      : { ...marked, rejected: true, rejectedIn: n };
  return { kind: as, marked: generation, live: state.live.map((one) => (one === marked ? now : one)) };
}

/** Makes an older generation the current one; nothing when it is. @throws `ABSENT` when it is not kept; `INVALID` for records */
export function draftRollback(session: string, state: LogState, generation: number): Draft | undefined {
  refuseRollback(session, state);
  const { n } = keptGeneration(session, presentState(session, state), generation);
  const since = Math.min(state.since ?? 0, n);
  return n === state.content ? undefined : { kind: "rollback", content: n, since };
}
