import { VaultError } from "../../lib/errors.ts";
import type { GenerationInfo, SessionState } from "../../lib/store.ts";
import { markWords } from "../look/session-words.ts";
import { table } from "../terminal/table.ts";
import { ageWords, sizeWords } from "../terminal/words.ts";

/** How a person names a generation without its number. */
export interface GenerationChoice {
  readonly proven?: boolean;
  readonly steps?: number;
}

/** What a person allows a rollback. */
export interface AllowedRisk {
  readonly rejected?: boolean;
  readonly otherPhone?: boolean;
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
  const newest = generations.toReversed();
  const older = newest.filter(({ generation }) => generation < (current?.generation ?? 0));
  const kept = generations.map(({ generation }) => generation).join(", ");
  if (number !== undefined && (proven || steps !== undefined)) {
    throw new VaultError("INVALID", "A generation is named by its number, by `--proven` or by `--steps`, not by two.");
  }
  if (number !== undefined) {
    if (!/^\d{1,16}$/.test(number)) {
      throw new VaultError("INVALID", `Expected the number of a generation, got \`${number.slice(0, 20)}\`.`, {
        hint: `Kept are ${kept}.`,
      });
    }
    const found = generations.find(({ generation }) => generation === Number(number));
    if (found) return found;
    throw new VaultError("ABSENT", `There is no generation ${Number(number)} of ${session}.`, {
      hint: `Kept are ${kept}.`,
    });
  }
  if (proven) {
    // The current one as well: run again, the command must not go one further back.
    const found = newest.find((one) => one.proven && !one.rejected && !one.beforeDeletion);
    if (found) return found;
    throw new VaultError("ABSENT", `${session} has no generation that a bot was ready with.`, {
      hint: `Kept are ${kept}.`,
    });
  }
  if (steps === undefined) return undefined;
  const found = older[steps - 1];
  if (found) return found;
  throw new VaultError("ABSENT", `${session} has ${older.length} older generations: there is none ${steps} back.`, {
    hint: `Kept are ${kept}.`,
  });
}

/** The kept generations, newest first, for a person. */
export function generationsTable({ generations, current }: SessionState, width: number): string[] {
  return table(
    generations.toReversed(),
    [
      { title: "GEN", of: ({ generation }) => String(generation) },
      { title: "SAVED", of: ({ at }) => ageWords(at) },
      { title: "SIZE", of: ({ bytes }) => sizeWords(bytes) },
      {
        title: "MARKS",
        of: (one) =>
          [
            ...(one.generation === current?.generation ? ["current"] : []),
            ...(one.proven ? ["proven"] : []),
            ...markWords(one),
            ...(current && isOfOtherPhone(current, one) ? ["of another phone"] : []),
          ].join(", "),
      },
    ],
    width,
  );
}

/** What a person must know before this generation becomes the current one; empty when there is nothing. */
export function riskWords(current: GenerationInfo, wanted: GenerationInfo): string {
  const isPhoneKnown = current.pairing !== undefined && wanted.pairing !== undefined;
  const words = [
    ...(isOfOtherPhone(current, wanted) ? ["It is of another phone: the bot will speak as that one."] : []),
    ...(wanted.rejected ? ["WhatsApp has refused it: it may show a QR."] : []),
    ...(wanted.suspect ? ["It came in as a zip of a damaged profile."] : []),
    ...(wanted.beforeDeletion ? ["It is of a link that ended with a deletion."] : []),
    ...(!isPhoneKnown && !wanted.proven ? ["Nobody has noted whose phone it is of."] : []),
  ];
  return words.map((one) => ` ${one}`).join("");
}

/** @throws `INVALID` when the generation is one that only its own option allows without a question */
export function refuseRisk(
  session: string,
  current: GenerationInfo,
  wanted: GenerationInfo,
  { rejected, otherPhone }: AllowedRisk,
): void {
  const failed = `Could not roll ${session} back to generation ${wanted.generation}`;
  if (isOfOtherPhone(current, wanted) && !otherPhone) {
    throw new VaultError("INVALID", `${failed}: it is of another phone.`, {
      hint: "Nothing was changed. With `--other-phone` the bot will speak as that one.",
    });
  }
  if (wanted.rejected && !rejected) {
    throw new VaultError("INVALID", `${failed}: WhatsApp has refused it.`, {
      hint: "Nothing was changed. With `--rejected` it is tried once more.",
    });
  }
}

function isOfOtherPhone(current: GenerationInfo, other: GenerationInfo): boolean {
  return current.pairing !== undefined && other.pairing !== undefined && current.pairing !== other.pairing;
}
