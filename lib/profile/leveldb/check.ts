import type { FileIdentity } from "../../disk/file-identity.ts";
import type { PieceSource } from "../pieces.ts";
import { readAll } from "../sources.ts";
import { tellsOfLevelDb } from "../storage-names.ts";
import { checkTables } from "./check-tables.ts";
import { type CheckedVersion, versionKey } from "./checked-version.ts";
import { decodeBatch } from "./format.ts";
import { scanLogFile } from "./log.ts";
import {
  byNumber,
  MAX_MANIFEST_BYTES,
  type NamedFile,
  parseLevelDbName,
  readManifestName,
  replayManifest,
  type Version,
} from "./manifest.ts";

/** What is wrong with one file. */
export interface FileProblem {
  /** Name in its directory. */
  readonly name: string;
  readonly reason: string;
}

/** The result of checking the logs of a version. */
export interface LogsReport {
  /** Position just after the last whole record of the last log. */
  readonly end: number;
  /** Whether bytes follow that position. */
  readonly partial: boolean;
  /** What is wrong with the logs, apart from `partial`. */
  readonly problem?: FileProblem;
}

/**
 * Checks the logs of a version: checksums, write batches, and that no sequence number is left out.
 * @param logs by ascending number
 * @param sequences every `lastSequence` that the manifest has carried
 */
export async function checkLogs(
  logs: readonly NamedFile[],
  version: Version,
  sequences: ReadonlySet<number>,
): Promise<LogsReport> {
  let next: number | undefined;
  let report: LogsReport = { end: 0, partial: false };
  for (const log of logs) {
    let reason = "";
    const scan = await scanLogFile(log.source, (data, end) => {
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
    // An older log is whole: LevelDB began the newer one after the last write to it.
    if (!reason && log !== logs.at(-1) && scan.tail !== "whole") reason = scan.reason;
    report = { end: scan.end, partial: scan.tail !== "whole" };
    if (reason) return { ...report, problem: { name: log.name, reason } };
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

/** What is known of a LevelDB before it is checked, and who is told what was found. */
export interface LevelDbCheck {
  /** Whether the tables were checked before: then they are taken for sound. @default false */
  readonly isVerified?: boolean;
  /** Whether a table is as it was when it was found sound. @default false */
  isSound?(name: string): boolean;
  /** What the manifest and the logs say, if they are as they were when nothing was wrong with them at rest. */
  versionOf?(key: string): CheckedVersion | undefined;
  /** Called with each table that is sound. */
  onTable?(name: string, firstKey: Buffer): void;
  /** Called when nothing is wrong. @param key of the manifest and the logs */
  onVersion?(key: string, version: CheckedVersion): void;
  /** Called before each table that is read; may throw. */
  mustGoOn?(): void;
}

/** The files of a LevelDB by name. */
type LevelDbFiles = ReadonlyMap<string, PieceSource & { readonly identity?: FileIdentity }>;

/**
 * Checks a LevelDB at rest. A manifest or last log that ends inside a record is a problem: Chromium wipes the storage
 * at its next write.
 * @param files of the directory, by name
 * @returns every problem; none when Chromium would open the whole database and keep it
 */
export async function checkLevelDb(files: LevelDbFiles, check: LevelDbCheck = {}): Promise<FileProblem[]> {
  if (files.has("corruption_info.json")) {
    return [{ name: "corruption_info.json", reason: "Chromium has found this storage corrupt" }];
  }
  const current = files.get("CURRENT");
  if (current === undefined) return [{ name: "CURRENT", reason: "it is missing" }];
  const name = await readManifestName(current);
  if (name === undefined) return [{ name: "CURRENT", reason: "it does not name a manifest" }];
  const manifest = files.get(name);
  if (manifest === undefined) return [{ name, reason: "it is missing" }];
  if (manifest.size > MAX_MANIFEST_BYTES) return [{ name, reason: `it has ${manifest.size} bytes` }];

  const { tables, logs } = byNumber(files);
  const key = versionKey({
    manifest: { number: parseLevelDbName(name)?.number ?? 0, identity: manifest.identity },
    logs: [...logs].map(([number, log]) => ({ number, identity: files.get(log.name)?.identity })),
    tables: [...tables].map(([number, { source }]) => [number, source.size] as const),
  });
  const known = key === undefined ? undefined : check.versionOf?.(key);
  if (known) return await tableProblems(known.version, tables, check);

  const available = { tables, logs: new Set(logs.keys()) };
  const { scan, version, behind, sequences } = replayManifest(await readAll(manifest), available);
  const problems: FileProblem[] = [];
  if (scan.tail !== "whole") problems.push({ name, reason: scan.reason });
  if (behind) problems.push({ name, reason: behind });
  if (version === undefined) return problems;

  problems.push(...(await tableProblems(version, tables, check)));
  // The logs belong to the newest state: a gap in them proves nothing when `version` is an older one.
  if (behind) return problems;
  const numbers = [...logs.keys()].filter((number) => number >= version.logNumber).sort((a, b) => a - b);
  const live = numbers.map((number) => logs.get(number) as NamedFile);
  const { problem, partial, end } = await checkLogs(live, version, sequences);
  if (problem) problems.push(problem);
  else if (partial) problems.push({ name: live.at(-1)?.name ?? "", reason: "ends inside a record" });
  if (key !== undefined && problems.length === 0) check.onVersion?.(key, { version, end });
  return problems;
}

/** Whether nothing was ever written: Chromium has made the directory, and was killed before the database was there. */
export function isUnborn(files: ReadonlyMap<string, unknown>): boolean {
  return ![...files.keys()].some(tellsOfLevelDb);
}

/** Checks the tables of a version that are not known to be sound. */
async function tableProblems(
  version: Version,
  tables: ReadonlyMap<number, NamedFile>,
  { isVerified = false, isSound, onTable, mustGoOn = () => {} }: LevelDbCheck,
): Promise<FileProblem[]> {
  const all = [...version.tables.values()].map(({ number, firstKey }) => ({
    ...(tables.get(number) as NamedFile),
    firstKey,
  }));
  const unread = isVerified ? [] : all.filter(({ name }) => !isSound?.(name));
  const reasons = await checkTables(
    unread.map(({ source }) => source),
    mustGoOn,
  );
  const problems: FileProblem[] = [];
  for (const [index, { name, firstKey }] of (isVerified ? all : unread).entries()) {
    const reason = reasons[index];
    if (reason) problems.push({ name, reason });
    else onTable?.(name, firstKey);
  }
  return problems;
}
