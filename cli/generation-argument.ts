import { VaultError } from "../lib/errors.ts";
import type { GenerationInfo, SessionState } from "../lib/store.ts";

/** How a person names a generation without its number. */
export interface GenerationChoice {
  readonly proven?: boolean;
  readonly steps?: number;
}

/** The number of a generation on the command line. @throws `INVALID` */
export function parseGeneration(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number > 0) return number;
  throw new VaultError("INVALID", `Expected the number of a generation, got \`${text.slice(0, 20)}\`.`, {
    hint: "`wa-vault show` lists the generations of a session.",
  });
}

/**
 * The generation that a person names; `undefined` when none is named.
 * @throws `ABSENT` when it is not kept; `INVALID` when it is no number, or is named twice
 */
export function chooseGeneration(
  session: string,
  { generations, current }: SessionState,
  number: string | undefined,
  { proven, steps }: GenerationChoice,
): GenerationInfo | undefined {
  const hint = `Kept are ${generations.map(({ generation }) => generation).join(", ")}.`;
  const newest = generations.toReversed();
  if (number !== undefined && (proven || steps !== undefined)) {
    throw new VaultError("INVALID", "A generation is named by its number, by `--proven` or by `--steps`, not by two.");
  }
  if (number !== undefined) {
    const wanted = parseGeneration(number);
    const found = generations.find(({ generation }) => generation === wanted);
    if (found) return found;
    throw new VaultError("ABSENT", `There is no generation ${wanted} of ${session}.`, { hint });
  }
  if (proven) {
    // The current one as well: run again, the command must not go one further back.
    const found = newest.find((one) => one.proven && !one.rejected && !one.beforeDeletion);
    if (found) return found;
    throw new VaultError("ABSENT", `${session} has no generation that a bot was ready with.`, { hint });
  }
  if (steps === undefined) return undefined;
  const older = newest.filter(({ generation }) => generation < (current?.generation ?? 0));
  const found = older[steps - 1];
  if (found) return found;
  throw new VaultError("ABSENT", `${session} has ${older.length} older generations: there is none ${steps} back.`, {
    hint,
  });
}
