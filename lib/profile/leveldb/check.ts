import type { FileSource } from "../../disk/file-source.ts";
import { readAll } from "../sources.ts";
import { decodeBatch, scanLog } from "./format.ts";
import { manifestOf, parseLevelDbName, replayManifest, type Version } from "./manifest.ts";
import { checkTable } from "./table.ts";

/** A log of a database, in memory. */
export interface LogBytes {
  readonly number: number;
  readonly bytes: Buffer;
}

/** The result of checking the logs of a version. */
export interface LogsReport {
  /** Position just after the last whole record of the last log. */
  readonly end: number;
  /** Whether bytes follow that position. */
  readonly partial: boolean;
  /** What is wrong with the logs, apart from `partial`. */
  readonly problem?: { readonly number: number; readonly reason: string };
}

/**
 * Checks the logs of a version: checksums, write batches, and that no sequence number is left out.
 * @param logs by ascending number
 * @param sequences every `lastSequence` that the manifest has carried
 */
export function checkLogs(logs: readonly LogBytes[], version: Version, sequences: ReadonlySet<number>): LogsReport {
  let next: number | undefined;
  let report: LogsReport = { end: 0, partial: false };
  for (const { number, bytes } of logs) {
    let reason = "";
    const scan = scanLog(bytes, (data, end) => {
      if (reason) return;
      try {
        const { sequence, count } = decodeBatch(data);
        reason = sequenceGap(sequence, next, version, sequences);
        next = sequence + count;
      } catch (cause) {
        reason = `its record before ${end} is not a write batch (${(cause as Error).message})`;
      }
    });
    if (!reason && scan.tail === "damaged") reason = scan.reason;
    const isLast = number === logs.at(-1)?.number;
    // An older log is whole: LevelDB began the newer one after the last write to it.
    if (!reason && !isLast && scan.tail !== "whole") reason = scan.reason;
    report = { end: scan.end, partial: scan.tail !== "whole" };
    if (reason) return { ...report, problem: { number, reason } };
  }
  return report;
}

/**
 * Why a sequence number cannot come next; empty when it can. Sequence numbers are consecutive, also across logs. They
 * may jump to just after a number that the manifest has carried: LevelDB syncs manifests and not logs, so a power
 * failure may lose records whose numbers the manifest has.
 */
function sequenceGap(
  sequence: number,
  next: number | undefined,
  version: Version,
  sequences: ReadonlySet<number>,
): string {
  if (next === undefined) {
    return sequence <= version.lastSequence + 1 ? "" : `it begins at ${sequence}, after ${version.lastSequence}`;
  }
  if (sequence === next || (sequence > next && sequences.has(sequence - 1))) return "";
  return `sequence ${sequence} follows ${next - 1}`;
}

/** What is wrong with one file. */
export interface FileProblem {
  /** Name in its directory; empty for the directory. */
  readonly name: string;
  readonly reason: string;
}

/**
 * Checks a LevelDB at rest. A manifest or last log that ends inside a record is a problem: Chromium wipes the storage
 * at its next write.
 * @param files of the directory, by name
 * @returns every problem; none when Chromium would open the whole database and keep it
 */
export async function checkLevelDb(files: ReadonlyMap<string, FileSource>): Promise<FileProblem[]> {
  if (files.has("corruption_info.json")) {
    return [{ name: "corruption_info.json", reason: "Chromium has found this storage corrupt" }];
  }
  const current = files.get("CURRENT");
  if (current === undefined) return [{ name: "CURRENT", reason: "it is missing" }];
  const name = current.size < 100 ? manifestOf(await readAll(current)) : undefined;
  if (name === undefined) return [{ name: "CURRENT", reason: "it does not name a manifest" }];
  const manifest = files.get(name);
  if (manifest === undefined) return [{ name, reason: "it is missing" }];

  const { tables, logs } = byNumber(files);
  const replay = replayManifest(await readAll(manifest), {
    table: (number) => tables.get(number)?.source.size,
    log: (number) => logs.has(number),
    logs: [...logs.keys()],
  });
  const problems: FileProblem[] = [];
  if (replay.scan.tail !== "whole") problems.push({ name, reason: replay.scan.reason });
  if (replay.behind) problems.push({ name, reason: replay.behind });
  if (replay.version === undefined) return problems;

  for (const { number } of replay.version.tables.values()) {
    const table = tables.get(number);
    const reason = table && (await checkTable(table.source));
    if (table && reason) problems.push({ name: table.name, reason });
  }
  // The logs belong to the newest state: a gap in them proves nothing when `version` is an older one.
  if (replay.behind) return problems;
  const live = [...logs.keys()].filter((number) => number >= (replay.version?.logNumber ?? 0)).sort((a, b) => a - b);
  const read: LogBytes[] = [];
  for (const number of live) read.push({ number, bytes: await readAll((logs.get(number) as NamedFile).source) });
  const report = checkLogs(read, replay.version, replay.sequences);
  if (report.problem) {
    problems.push({ name: logs.get(report.problem.number)?.name ?? "", reason: report.problem.reason });
  } else if (report.partial) {
    problems.push({ name: logs.get(live.at(-1) ?? 0)?.name ?? "", reason: "ends inside a record" });
  }
  return problems;
}

interface NamedFile {
  readonly name: string;
  readonly source: FileSource;
}

/** The tables and logs of a directory by number. */
export function byNumber(files: ReadonlyMap<string, FileSource>): {
  tables: Map<number, NamedFile>;
  logs: Map<number, NamedFile>;
} {
  const tables = new Map<number, NamedFile>();
  const logs = new Map<number, NamedFile>();
  for (const [name, source] of files) {
    const parsed = parseLevelDbName(name);
    if (parsed?.kind === "table") tables.set(parsed.number, { name, source });
    if (parsed?.kind === "log") logs.set(parsed.number, { name, source });
  }
  return { tables, logs };
}
