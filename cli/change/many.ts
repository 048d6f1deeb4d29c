import { isVaultError, VaultError } from "../../lib/errors.ts";
import type { Cli } from "../cli.ts";
import { errorJson } from "../error-json.ts";

/** What became of one of several sessions. */
export interface Outcome<T> {
  readonly session: string;
  readonly result?: T | undefined;
  readonly error?: VaultError | undefined;
}

/** Does `work` for one session after the other: one that fails stops no other. @throws the reason of the signal */
export async function each<T>(
  cli: Cli,
  sessions: readonly string[],
  work: (session: string) => Promise<T>,
): Promise<Outcome<T>[]> {
  const outcomes: Outcome<T>[] = [];
  for (const session of sessions) {
    cli.signal.throwIfAborted();
    try {
      outcomes.push({ session, result: await work(session) });
    } catch (error) {
      cli.signal.throwIfAborted();
      if (!isVaultError(error)) throw error;
      outcomes.push({ session, error });
    }
  }
  return outcomes;
}

/** An outcome for programs. */
export function outcomeJson<T extends object>({ session, result, error }: Outcome<T>): object {
  return error ? { session, error: errorJson(error) } : { session, ...result };
}

/** Ends the command with the code of the first error, once everything is told. @param done as "copied" */
export function throwFailed(outcomes: readonly Outcome<unknown>[], done: string): void {
  const failed = outcomes.filter(({ error }) => error !== undefined);
  const [first] = failed;
  if (!first?.error) return;
  const { code, hint } = first.error;
  const names = failed.map(({ session }) => session).join(", ");
  throw new VaultError(code, `${failed.length} of ${outcomes.length} sessions could not be ${done}: ${names}.`, {
    cause: first.error,
    hint,
  });
}

/** A session, or something beside sessions, that a command has left out, for programs. */
export interface LeftOut {
  readonly session: string;
  readonly reason: string;
}

/** @throws `INVALID` when it is neither one session nor all of them */
export function oneOrAll(given: string | undefined, all: boolean | undefined): void {
  if ((given !== undefined) === (all === true)) {
    throw new VaultError("INVALID", given === undefined ? "No session is named." : "A session is named, and `--all`.", {
      hint: "Name a session, or say `--all`.",
    });
  }
}
