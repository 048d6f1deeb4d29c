import type { SessionDetails } from "../../lib/store.ts";
import type { Output } from "../terminal/output.ts";
import { table } from "../terminal/table.ts";
import { ageWords, sizeWords } from "../terminal/words.ts";
import { markWords } from "./session-words.ts";

/** The generations of a session as a table, newest first. */
export function generationRows({ kept, saved, kind, deleted }: SessionDetails, out: Output): string[] {
  const now = Date.now();
  const phones = [...new Set(kept.flatMap(({ pairing }) => (pairing === undefined ? [] : [pairing])))];
  const phoneOf = (pairing: string | undefined): string =>
    pairing === undefined || phones.length < 2 ? "" : `phone ${phones.indexOf(pairing) + 1}`;
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
        of: (one) => {
          const { generation } = saved ?? {};
          const current = generation === one.generation ? [deleted ? "undelete brings it back" : "current"] : [];
          return [...current, ...(one.proven ? ["proven"] : []), ...markWords(one)].join(", ");
        },
      },
      { title: "PHONE", of: ({ pairing }) => phoneOf(pairing) },
      { title: "KEY", of: ({ keyId }) => keyId ?? "" },
    ],
    out.width,
  );
}
