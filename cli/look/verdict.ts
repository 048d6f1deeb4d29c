import { VaultError, type VaultErrorCode } from "../../lib/errors.ts";
import type { CheckedSession } from "./check-session.ts";

/** The worst first: it decides the exit code. */
const WORST: readonly VaultErrorCode[] = ["CORRUPT", "UNAVAILABLE", "DENIED", "WRONG_KEY"];

/** All that is wrong with a session. */
export function problemsOf({ checks, entries, problem }: CheckedSession): VaultError[] {
  return [
    ...(problem ? [problem] : []),
    ...checks.flatMap((check) => (check.problem ? [check.problem] : [])),
    ...entries.flatMap(({ error }) => (error ? [error] : [])),
  ];
}

/** What `wa-vault verify` ends with; `undefined` when all is good. */
export function verdictOf(checked: readonly CheckedSession[]): VaultError | undefined {
  const codes = checked.map((one) => WORST.find((code) => problemsOf(one).some((problem) => problem.code === code)));
  const worst = WORST.find((code) => codes.includes(code));
  const other = checked.find((one) => problemsOf(one).length > 0);
  if (worst === undefined) return other && problemsOf(other)[0];
  const bad = checked.filter((one) => problemsOf(one).length > 0);
  const damaged = codes.filter((code) => code === "CORRUPT").length;
  const many = `${bad.length} of ${checked.length} ${checked.length === 1 ? "session" : "sessions"}`;
  if (damaged > 0) return new VaultError("CORRUPT", `${damaged} of ${checked.length} sessions damaged.`);
  return new VaultError(worst, `${many} could not be checked.`);
}
