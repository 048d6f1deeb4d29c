import type { GenerationCheck } from "../../lib/store.ts";
import { errorJson } from "../error-json.ts";
import type { Meaning, Output } from "../terminal/output.ts";
import { table } from "../terminal/table.ts";
import { ageWords, sizeWords } from "../terminal/words.ts";
import type { CheckedSession } from "./check-session.ts";

interface Row {
  readonly session: string;
  readonly check?: GenerationCheck;
  readonly entry?: number;
  readonly found: string;
  readonly meaning: Meaning;
}

/** What was found, as a table: one row for each generation. */
export function checkRows(checked: readonly CheckedSession[], out: Output): string[] {
  const now = Date.now();
  return table(
    checked.flatMap(rowsOf),
    [
      { title: "SESSION", of: ({ session }) => session },
      { title: "GEN", align: "right", of: ({ check }) => (check ? String(check.generation.generation) : "") },
      { title: "ENTRY", align: "right", of: ({ entry }) => (entry === undefined ? "" : String(entry)) },
      { title: "SAVED", of: ({ check }) => (check ? ageWords(check.generation.at, now) : "") },
      { title: "SIZE", align: "right", of: ({ check }) => (check ? sizeWords(check.generation.bytes) : "") },
      { title: "FOUND", of: ({ found }) => found, paint: (text, { meaning }) => out.paint(meaning, text) },
    ],
    out.width,
  );
}

function rowsOf({ session, checks, entries, problem }: CheckedSession): Row[] {
  const rows = checks.map((check): Row => {
    const meaning = check.problem ? (check.isCurrent ? "bad" : "warning") : "good";
    return { session, check, found: foundWords(check), meaning };
  });
  for (const { entry, error } of entries) {
    rows.push({ session, entry, found: `cannot be read (${error?.code})`, meaning: "bad" });
  }
  if (problem) rows.push({ session, found: `cannot be checked (${problem.code})`, meaning: "bad" });
  return rows.length > 0 ? rows : [{ session, found: "nothing saved", meaning: "faint" }];
}

function foundWords({ isCurrent, problem, chunks, damagedChunks, databases }: GenerationCheck): string {
  const which = isCurrent ? ", current" : "";
  if (!problem) return databases === "now" ? `good${which}, databases verified` : `good${which}`;
  if (problem.code !== "CORRUPT") return `cannot be read (${problem.code})${which}`;
  return damagedChunks > 0 ? `damaged${which}, ${damagedChunks} of ${chunks} chunks` : `damaged${which}`;
}

/** What is wrong in sentences, and what a person does about it: one text for each session with a problem. */
export function nextSteps(checked: readonly CheckedSession[]): string[] {
  return checked.flatMap((one) => {
    const { session, checks, entries, problem, isRecords } = one;
    const said = [
      ...(problem ? [problem.message, ...(problem.hint === undefined ? [] : [problem.hint])] : []),
      ...checks.flatMap((check) => (check.problem ? [check.problem.message] : [])),
      ...entries.flatMap(({ error }) => (error ? [error.message] : [])),
    ];
    const current = checks.find(({ isCurrent }) => isCurrent);
    if (current?.problem?.code === "CORRUPT") said.push(isRecords ? RECORDS : inItsPlace(session, checks));
    const key = checks.find((check) => check.problem?.code === "WRONG_KEY")?.problem?.hint;
    if (key !== undefined) said.push(key);
    return said.length === 0 ? [] : [`${session}: ${[...new Set(said)].join(" ")}`];
  });
}

const RECORDS =
  "Records have no earlier versions that may be used: bring the store back from a backup of its own, or link the bot again.";

function inItsPlace(session: string, checks: readonly GenerationCheck[]): string {
  const current = checks.find(({ isCurrent }) => isCurrent)?.generation;
  const good = checks
    .filter(({ problem }) => !problem)
    .map(({ generation }) => generation)
    .filter((one) => !one.rejected && !one.suspect && !one.beforeDeletion && one.pairing === current?.pairing);
  const best = good.find(({ proven }) => proven) ?? good[0];
  if (!best) {
    return "None of the others is whole and of the same phone and link: bring the store back from a backup of its own, or link the device again.";
  }
  const { generation, proven } = best;
  const why = proven ? "is whole, and a browser was ready with it" : "is whole";
  const command = `wa-vault rollback ${session} ${generation}`;
  return `Generation ${generation} ${why}: the next start opens it instead. This makes it the current one:\n  ${command}`;
}

/** What was found, for programs. */
export function checkJson({ session, checks, entries, problem }: CheckedSession): object {
  return {
    session,
    good: problem === undefined && entries.length === 0 && checks.every((check) => !check.problem),
    checked: checks.map(({ generation, ...check }) => ({
      ...generation,
      ...check,
      ...(check.problem ? { problem: errorJson(check.problem) } : {}),
    })),
    ...(entries.length > 0
      ? { entries: entries.map(({ entry, error }) => ({ entry, problem: errorJson(error) })) }
      : {}),
    ...(problem ? { problem: errorJson(problem) } : {}),
  };
}
