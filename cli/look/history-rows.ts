import type { HistoryEntry } from "../../lib/store.ts";
import type { Output } from "../terminal/output.ts";
import { table } from "../terminal/table.ts";
import { sizeWords } from "../terminal/words.ts";

/** The entries of a log as a table. */
export function historyRows(history: readonly HistoryEntry[], out: Output): string[] {
  return table(
    history,
    [
      { title: "ENTRY", of: ({ entry }) => String(entry) },
      { title: "WHEN", of: ({ at }) => at?.toISOString() ?? "" },
      {
        title: "WHAT",
        of: entryWords,
        paint: (text, { kind }) => {
          if (kind === "unreadable") return out.paint("bad", text);
          return kind === "rejected" ? out.paint("warning", text) : text;
        },
      },
      { title: "BY", of: ({ by }) => by ?? "" },
    ],
    out.width,
  );
}

function entryWords({ kind, saved, generation, changes, until, error }: HistoryEntry): string {
  switch (kind) {
    case "hold":
      return "took the session";
    case "save":
      return `saved ${savedWords(saved)}`;
    case "records":
      return changes === undefined
        ? "changed many records"
        : `changed ${changes} ${changes === 1 ? "record" : "records"}`;
    case "proven":
      return `generation ${generation} reached ready`;
    case "rejected":
      return `generation ${generation} was rejected by WhatsApp`;
    case "rollback":
      return `rolled back to generation ${generation}`;
    case "deleted":
      return `deleted${until === undefined ? "" : `, can be undeleted until ${until.toISOString()}`}`;
    case "undeleted":
      return `undeleted: generation ${generation}`;
    case "rekeyed":
      return `encrypted anew ${savedWords(saved)}`;
    case "retained":
      return "decided which generations are kept";
    case "renewed":
      return "renewed its lease late";
    case "unreadable":
      return `cannot be read (${error?.code}): ${error?.message}`;
  }
}

function savedWords(saved: HistoryEntry["saved"]): string {
  if (!saved) return "a generation that is gone";
  const now = saved.isCurrent ? "current" : saved.isKept ? "kept" : "no longer kept";
  return `generation ${saved.generation}, ${sizeWords(saved.bytes)}, ${now}`;
}
