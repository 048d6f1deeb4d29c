import type { SessionFacts, SessionSummary } from "../../lib/store.ts";
import { errorJson } from "../error-json.ts";

/** The facts of a session for programs: with what cannot be read of it as errors are told. */
export function factsJson<Facts extends SessionSummary>(facts: Facts): object {
  const { problem, leaseProblem, ...others } = facts;
  return {
    ...others,
    ...(problem ? { problem: errorJson(problem) } : {}),
    ...(leaseProblem ? { leaseProblem: errorJson(leaseProblem) } : {}),
  };
}

/** What a target has of a session, for programs: `null` when nothing. */
export function thereJson(facts: SessionFacts | undefined): object | null {
  return facts === undefined ? null : factsJson(facts);
}

/** Whether a store has the session, so that another version of it would be replaced. */
export function isThere(facts: SessionFacts | undefined): facts is SessionFacts {
  return facts?.saved !== undefined && facts.deleted === undefined;
}
