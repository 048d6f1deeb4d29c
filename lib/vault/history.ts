import { isVaultError, VaultError } from "../errors.ts";
import type { HistoryEntry } from "../store.ts";
import { type Entry, entryOf, generationInfo, type LogState } from "./entry.ts";
import { endDate } from "./kept-until.ts";
import type { SessionLog } from "./log.ts";
import { RecordReader } from "./records/record-bytes.ts";

/** How many entries are read at once. */
const READ_AHEAD = 8;

/** An entry that was read, or the error that says why it cannot be read; `undefined` when it is not there. */
type Found = Entry | VaultError | undefined;

/**
 * The entries of a log, newest first. Reads only, so another process may hold the session, and may prune entries
 * meanwhile: those are left out. Entries that cannot be read are reported, and the others still follow.
 * @throws `CORRUPT` when the session is known and its log is gone, and all errors that are not about one entry alone.
 */
export async function* readHistory(log: SessionLog, signal?: AbortSignal): AsyncGenerator<HistoryEntry> {
  const { numbers: all, newest } = await findNewest(log, signal);
  const numbers = [...all].sort((a, b) => b - a);
  let state = newest;
  // The newest entry that can be read tells what is kept.
  for (const n of numbers) {
    if (n !== numbers[0]) state = await readEntry(log, n, signal);
    if (state instanceof VaultError) yield unreadable(n, state);
    else if (state) break;
  }
  if (!state || state instanceof VaultError) return;
  yield describe(state, state);
  // What should be there and is not listed is reported as well.
  const { n: first } = state;
  const rest = [...new Set([...numbers, ...neededBy(state)])].filter((n) => n < first).sort((a, b) => b - a);
  for (let at = 0; at < rest.length; at += READ_AHEAD) {
    const batch = rest.slice(at, at + READ_AHEAD);
    const found = await Promise.all(batch.map((n) => readEntry(log, n, signal)));
    for (const [index, n] of batch.entries()) {
      const told = await tell(log, n, found[index], state, signal);
      if (told) yield told;
    }
  }
}

/** Numbers of all entries, and the newest entry. */
async function findNewest(
  log: SessionLog,
  signal: AbortSignal | undefined,
): Promise<{ numbers: readonly number[]; newest: Found }> {
  const found = await log.findNewest<Entry | VaultError>(
    (n) => readEntry(log, n, signal),
    (n) => missing(log, n),
    signal,
  );
  return found ?? { numbers: [], newest: undefined };
}

/** @throws errors that are not about this entry alone: an outage, a refusal, the reason of `signal`. */
async function readEntry(log: SessionLog, n: number, signal: AbortSignal | undefined): Promise<Found> {
  try {
    return await log.read(n, signal);
  } catch (error) {
    if (isVaultError(error) && ["CORRUPT", "WRONG_KEY", "INVALID"].includes(error.code)) return error;
    throw error;
  }
}

async function tell(
  log: SessionLog,
  n: number,
  found: Found,
  state: LogState,
  signal: AbortSignal | undefined,
): Promise<HistoryEntry | undefined> {
  if (found instanceof VaultError) return unreadable(n, found);
  const kept = state.live.map(entryOf).find((one) => one.n === n);
  if (found && (!kept || kept.id === found.id)) return describe(found, state);
  const isNeeded = kept ? await isKept(log, kept, signal) : await isLoose(log, n, state, signal);
  return isNeeded ? unreadable(n, missing(log, n)) : undefined;
}

/** Numbers of the entries that a reader needs. */
function neededBy({ n: newest, live, records }: LogState): number[] {
  const { through = newest } = records ?? {};
  return [...live.map((one) => entryOf(one).n), ...Array.from({ length: newest - through }, (_, n) => through + 1 + n)];
}

/** Whether entry `n` is one of a session of records that is not put together yet; the state may be outdated. */
async function isLoose(
  log: SessionLog,
  n: number,
  { records }: LogState,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (!records || n <= records.through) return false;
  const { newest } = await findNewest(log, signal);
  return newest === undefined || newest instanceof VaultError || n > (newest.records?.through ?? 0);
}

/** Whether the generation is still kept; the state that calls it kept may be outdated. */
async function isKept(
  log: SessionLog,
  { n, id }: { n: number; id: string },
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { newest } = await findNewest(log, signal);
  return (
    newest === undefined ||
    newest instanceof VaultError ||
    newest.live.map(entryOf).some((one) => one.n === n && one.id === id)
  );
}

function describe(entry: Entry, state: LogState): HistoryEntry {
  const { n, kind, at, by, epoch } = entry;
  const common = { entry: n, kind, at: new Date(at), by, epoch };
  switch (kind) {
    case "save":
    case "rekeyed":
      return { ...common, ...savedBy(entry, state) };
    case "records":
      return { ...common, ...changesOf(entry), ...savedBy(entry, state) };
    case "proven":
    case "rejected":
      return entry.marked === undefined ? common : { ...common, generation: entry.marked };
    case "rollback":
    case "undeleted":
      return { ...common, generation: entry.content };
    case "deleted": {
      const until = entry.deleted ? { until: endDate(entry.deleted) } : {};
      return { ...common, ...until, ...savedBy(entry, state) };
    }
    default:
      return common;
  }
}

/** The generation that the entry has the files or records of. */
function savedBy(entry: Entry, { live, content, deleted, since }: LogState): Pick<HistoryEntry, "saved"> {
  // A generation that was encrypted anew is stored in another entry than the one that saved it.
  const kept = live.find((one) => one.id === entry.id || entryOf(one).id === entry.id);
  const saved = kept ?? entry.live.find((one) => one.id === entry.id || entryOf(one).id === entry.id);
  if (!saved) return {};
  const isCurrent = kept !== undefined && kept.n === content && !deleted;
  return { saved: { ...generationInfo(saved, since), isKept: kept !== undefined, isCurrent } };
}

function changesOf({ n, tail, tailChunks }: Entry): Pick<HistoryEntry, "changes"> {
  if (tailChunks) return {};
  return { changes: [...new RecordReader(`log entry ${n}`).read(tail ?? Buffer.alloc(0))].length };
}

function unreadable(entry: number, error: VaultError): HistoryEntry {
  return { entry, kind: "unreadable", error };
}

function missing({ session }: SessionLog, n: number): VaultError {
  const message = `Could not read log entry ${n} of ${session}: it should be there, and is missing or another one.`;
  return new VaultError("CORRUPT", message);
}
