import { entryOf } from "./entry.ts";
import type { SessionLog } from "./log.ts";
import type { SessionWriter } from "./session-writer.ts";
import { unlessUnreadable } from "./unless-corrupt.ts";

/** How long `hold` entries stay, in milliseconds: longer than any writer is paused that may still be woken. */
const HOLD_MS = 30 * 24 * 60 * 60 * 1000;
/** Entries that are neither live nor dead, mostly holds, above which the oldest go whatever the clock of the log says. */
const MOST_HOLDS = 4096;

type Known = Pick<SessionWriter, "state" | "hold">;

/** Of these entries of the log, the numbers of the oldest that need not be looked at before they go. */
export function excessEntries(known: Known, numbers: readonly number[]): number[] {
  const unneeded = unneededEntries(known, numbers);
  return unneeded.slice(0, Math.max(0, unneeded.length - MOST_HOLDS));
}

/**
 * Numbers of the entries that neither a reader nor a holder needs any more: holds, and entries that came late to a number
 * that was free again. They stay until the log's own clock has moved on by 30 days; never the hold of this writer.
 * @param listed numbers of all entries
 */
export async function entriesToSweep(
  writer: Known & { readonly log: Pick<SessionLog, "read"> },
  listed: readonly number[],
  signal?: AbortSignal,
): Promise<number[]> {
  const { log, state } = writer;
  const numbers = unneededEntries(writer, listed);
  let old = excessEntries(writer, listed).length;
  for (const [index, n] of numbers.entries()) {
    if (index < old) continue;
    const entry = await unlessUnreadable(log.read(n, signal));
    // One that cannot be read is as old as the next one at least.
    if (!entry) continue;
    if ((state.uptimeMs ?? 0) - (entry.uptimeMs ?? 0) <= HOLD_MS) break;
    old = index + 1;
  }
  return numbers.slice(0, old);
}

/** The entries before the newest one that are neither live nor dead, oldest first; without the hold of this writer. */
function unneededEntries({ state, hold }: Known, numbers: readonly number[]): number[] {
  // Dead entries go with their chunks.
  const kept = new Set([...state.live.map((one) => entryOf(one).n), ...state.dead, hold.n]);
  // Of a session of records, each entry is needed that is not folded yet.
  const before = state.records ? state.records.through + 1 : state.n;
  return numbers.filter((n) => n < state.n && n < before && !kept.has(n)).sort((a, b) => a - b);
}
