import type { SessionFacts, SessionSummary } from "../../lib/store.ts";
import type { ErrorJson } from "../error-json.ts";
import type { Faults } from "./faults.ts";

/** What a person must know first of a session. docs/status-page.md describes each. */
export type SessionStatus = "running" | "interrupted" | "stored" | "old" | "empty" | "deleted" | "unreadable";

/** A session as the page and programs read it: the facts of a listing, and what they come to. */
export type SessionView = Omit<SessionFacts, "problem" | "leaseProblem"> & {
  readonly status: SessionStatus;
  /** Whether nothing was stored for longer than this server was told to expect. */
  readonly isOld: boolean;
  readonly leaseProblem?: ErrorJson | undefined;
};

/** As {@link SessionView}, of a session that cannot be read. */
export interface UnreadableView {
  readonly session: string;
  readonly status: "unreadable";
  readonly isOld: false;
  readonly problem: ErrorJson;
}

/** How far the clocks of two machines may be apart before a lease is taken for one that has ended, in milliseconds. */
const CLOCK_SLACK_MS = 30_000;

/** @param olderThanMs since when a session may be unsaved, in milliseconds; `undefined` for however long */
export function sessionView(
  summary: SessionSummary,
  faults: Faults,
  olderThanMs: number | undefined,
  now: number = Date.now(),
): SessionView | UnreadableView {
  if (summary.problem !== undefined) {
    return { session: summary.session, status: "unreadable", isOld: false, problem: faults.view(summary.problem) };
  }
  const { leaseProblem, ...facts } = summary;
  const isOld = olderThanMs !== undefined && !facts.deleted && now - storedAt(facts) > olderThanMs;
  return {
    ...facts,
    status: statusOf(facts, isOld, now),
    isOld,
    ...(leaseProblem ? { leaseProblem: faults.view(leaseProblem) } : {}),
  };
}

function statusOf({ deleted, lease, saved }: SessionFacts, isOld: boolean, now: number): SessionStatus {
  if (deleted) return "deleted";
  if (lease) return lease.expiresAt.getTime() + CLOCK_SLACK_MS > now ? "running" : "interrupted";
  if (!saved) return "empty";
  return isOld ? "old" : "stored";
}

/** When something was stored last: every change of records is, of a profile its generations are. */
function storedAt({ kind, saved, changedAt }: SessionFacts): number {
  return kind === "records" || !saved ? changedAt.getTime() : saved.at.getTime();
}
