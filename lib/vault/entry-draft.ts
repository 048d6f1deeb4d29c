import { randomBytes } from "node:crypto";
import type { EntryKind } from "../store.ts";
import { type Entry, entryOf, type LogState } from "./entry.ts";
import { recordsAfter } from "./records/records-state.ts";
import { agreedTime } from "./trusted-time.ts";

/** The fields of the next entry that differ from those of the newest one. */
export interface Draft
  extends Partial<
    Pick<
      Entry,
      | "content"
      | "live"
      | "since"
      | "earlier"
      | "deleted"
      | "lease"
      | "manifest"
      | "manifestChunks"
      | "marked"
      | "fold"
      | "tail"
      | "tailChunks"
    >
  > {
  readonly kind: EntryKind;
}

/** The fields of an entry that are known before it is drafted. */
export type EntryFacts = Pick<Entry, "n" | "id" | "epoch" | "by" | "at" | "uptimeMs">;

/** The state of a session whose log is empty. */
export const EMPTY_LOG: LogState = {
  n: 0,
  id: "",
  epoch: 0,
  kind: "hold",
  by: "",
  at: 0,
  content: 0,
  live: [],
  dead: [],
  salt: "",
};

/**
 * Kinds of entries that are not removed once a later entry supersedes them, but after 30 days. A hold stops a writer that
 * was paused before it; the others are rare, and tell people what happened to the session.
 */
const LASTING: readonly EntryKind[] = ["hold", "rejected", "rollback", "deleted", "undeleted"];

/**
 * Numbers of entries that are not needed any more which an entry lists at most, where nobody can delete them: a sweep of the
 * log finds the others. Far below what a reader takes.
 */
const MOST_DEAD = 100_000;

/** The facts of an entry that is written at `at` (milliseconds since 1970), with a new random id. */
export function entryFacts(n: number, epoch: number, by: string, at: number): EntryFacts {
  return { n, id: randomBytes(16).toString("hex"), epoch, by, at };
}

/**
 * The entry after `state`: fields that the draft leaves out stay as they are, and entries that are not needed any more
 * become dead. A `hold` ends the lease before it. The clock of the log stands still, unless `facts` move it. The first
 * entry of a log gets a new salt.
 */
export function entryAfter(state: LogState, draft: Draft, facts: EntryFacts): Entry {
  const { live = state.live, content = state.content } = draft;
  const kept = new Set(live.map((one) => entryOf(one).n));
  const { superseded, lasting, ...chain } = supersededBy(state, draft, facts, content === 0);
  const replaced = state.live.map((one) => entryOf(one).n).filter((n) => !lasting.includes(n));
  const dead = new Set([...state.dead, ...replaced, ...superseded].filter((n) => !kept.has(n)));
  return {
    uptimeMs: state.uptimeMs ?? 0,
    agreed: agreedTime(state, facts),
    since: state.since,
    earlier: state.earlier,
    deleted: state.deleted,
    lease: draft.kind === "hold" ? undefined : state.lease,
    ...chain,
    ...draft,
    ...facts,
    content,
    live,
    dead: [...dead].sort((a, b) => a - b).slice(-MOST_DEAD),
    salt: state.salt || randomBytes(16).toString("hex"),
  };
}

/**
 * The entries that nobody reads any more, beside generations, after the entry that is drafted; and what that entry says of
 * a session of records, in which each entry is needed until it is folded.
 */
function supersededBy(
  state: LogState,
  { kind, fold, tailChunks, since }: Draft,
  { n, id }: EntryFacts,
  isEmpty: boolean,
): { superseded: readonly number[]; lasting: readonly number[] } & Pick<Entry, "records" | "prev"> {
  const isLasting = LASTING.includes(state.kind);
  if (!state.records && kind !== "records") return { superseded: isLasting ? [] : [state.n], lasting: [] };
  const hasRecords = kind === "records";
  const next = { n, id, hasRecords, fold, hasTail: tailChunks !== undefined, isEmpty };
  const { records, unneeded, lasting } = recordsAfter(state, isLasting, next);
  // The records of an earlier link, deleted or replaced, are not those of the next one.
  const isNewLink = state.deleted !== undefined || since === n;
  const prev = hasRecords && !isNewLink ? state.records?.last : undefined;
  return { superseded: unneeded, lasting, records, prev };
}

/** The state of the session after `entry`; what is of the entry alone can be large and is not a part of it. */
export function stateAfter(entry: Entry): LogState {
  const { manifest: _, manifestChunks: __, marked: ___, prev: ____, fold, tail, tailChunks, ...state } = entry;
  return state;
}
