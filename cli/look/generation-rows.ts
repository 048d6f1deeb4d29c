import type { GenerationInfo } from "../../lib/store.ts";
import type { Output } from "../terminal/output.ts";
import { table } from "../terminal/table.ts";
import { ageWords, sizeWords } from "../terminal/words.ts";
import { isOfOtherPhone, markWords } from "./session-words.ts";

/** Generations of a session, as a table shows them. */
export interface ShownGenerations {
  readonly kind?: "profile" | "records" | undefined;
  /** Oldest first. */
  readonly kept: readonly GenerationInfo[];
  /** The current one, or of a deleted session the one that `undelete` brings back. */
  readonly saved?: GenerationInfo | undefined;
  readonly deleted?: object | undefined;
}

/** The generations of a session as a table, newest first. */
export function generationRows({ kept, saved, kind, deleted }: ShownGenerations, out: Output): string[] {
  const now = Date.now();
  return table(
    [...kept].reverse(),
    [
      {
        title: "GENERATION",
        of: ({ generation }) => String(generation),
        paint: (text, { rejected, suspect }) => (rejected || suspect ? out.paint("warning", text) : text),
      },
      { title: "SAVED", of: ({ at }) => ageWords(at, now) },
      { title: "SIZE", align: "right", of: ({ bytes }) => sizeWords(bytes) },
      { title: kind === "records" ? "RECORDS" : "FILES", align: "right", of: ({ files }) => String(files) },
      {
        title: "MARKS",
        of: (one) =>
          [
            ...(saved?.generation === one.generation ? [deleted ? "undelete brings it back" : "current"] : []),
            ...(one.proven ? ["proven"] : []),
            ...markWords(one),
            ...(saved && isOfOtherPhone(saved, one) ? ["of another phone"] : []),
          ].join(", "),
      },
      { title: "KEY", of: ({ keyId }) => keyId ?? "" },
    ],
    out.width,
  );
}
