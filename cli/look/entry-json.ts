import type { HistoryEntry } from "../../lib/store.ts";
import type { ErrorJson } from "../error-json.ts";

/** An entry of a log as programs and the status page get it: `kind` is that of a session everywhere. */
export type EntryJson = Omit<HistoryEntry, "kind" | "error"> & {
  readonly what: HistoryEntry["kind"];
  readonly error?: ErrorJson;
};

/** An entry for programs. @param toError how its error is told */
export function entryJson({ kind, error, ...entry }: HistoryEntry, toError: (error: unknown) => ErrorJson): EntryJson {
  return { ...entry, what: kind, ...(error ? { error: toError(error) } : {}) };
}
