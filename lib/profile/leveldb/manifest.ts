import type { FileSource } from "../../disk/file-source.ts";
import type { PieceSource } from "../pieces.ts";
import { readAll } from "../sources.ts";
import { decodeVersionEdit, type TableEntry, type VersionEdit } from "./format.ts";
import { type LogScan, scanLog } from "./log.ts";

/** The kind and number of a file in a LevelDB directory. */
export interface LevelDbName {
  readonly kind: "current" | "manifest" | "table" | "log";
  readonly number: number;
}

/** @returns `undefined` for files that no session needs: `LOCK`, `LOG`, `*.dbtmp` */
export function parseLevelDbName(name: string): LevelDbName | undefined {
  if (name === "CURRENT") return { kind: "current", number: 0 };
  const match = /^(?:(MANIFEST-)(\d+)|(\d+)\.(ldb|sst|log))$/.exec(name);
  if (!match) return undefined;
  if (match[1]) return { kind: "manifest", number: Number(match[2]) };
  return { kind: match[4] === "log" ? "log" : "table", number: Number(match[3]) };
}

/** A file with the name that it has in the directory. */
export interface NamedFile {
  readonly name: string;
  readonly source: PieceSource;
}

/** The tables and logs of a directory by number. */
export function byNumber(files: ReadonlyMap<string, PieceSource>): Record<"tables" | "logs", Map<number, NamedFile>> {
  const tables = new Map<number, NamedFile>();
  const logs = new Map<number, NamedFile>();
  for (const [name, source] of files) {
    const parsed = parseLevelDbName(name);
    if (parsed?.kind === "table") tables.set(parsed.number, { name, source });
    if (parsed?.kind === "log") logs.set(parsed.number, { name, source });
  }
  return { tables, logs };
}

/** `CURRENT` holds one file name; more bytes than this are damage. */
export const MAX_CURRENT_BYTES = 100;
/** A manifest is read as a whole. Those of WhatsApp have kilobytes: LevelDB begins a new one with each start. */
export const MAX_MANIFEST_BYTES: number = 256 * 1024 * 1024;

/** The name of the manifest in the content of `CURRENT`; `undefined` when it names none. */
export function manifestOf(current: Buffer): string | undefined {
  return /^(MANIFEST-\d+)\n$/.exec(current.toString("latin1"))?.[1];
}

/** The name of the manifest that the file `CURRENT` names; `undefined` when it names none. */
export async function readManifestName(current: FileSource): Promise<string | undefined> {
  return current.size <= MAX_CURRENT_BYTES ? manifestOf(await readAll(current)) : undefined;
}

/** A state of a LevelDB, as one prefix of its manifest describes it. */
export interface Version {
  /** Position in the manifest where the prefix ends. */
  readonly end: number;
  readonly tables: ReadonlyMap<number, TableEntry>;
  /** The entries of logs with lower numbers are in tables already. */
  readonly logNumber: number;
  readonly lastSequence: number;
}

/** The files that are available, by number. */
export interface AvailableFiles {
  readonly tables: ReadonlyMap<number, NamedFile>;
  readonly logs: ReadonlySet<number>;
}

/** The result of replaying a manifest. */
export interface Replay {
  readonly scan: LogScan;
  /** The newest state whose tables and logs are all available. */
  readonly version: Version | undefined;
  /** Why `version` is not the newest state of the manifest; empty when it is. */
  readonly behind: string;
  /** Every `lastSequence` that the manifest has carried. */
  readonly sequences: ReadonlySet<number>;
}

/** Replays a manifest. Every prefix that ends with a record describes a state that the database was in. */
export function replayManifest(bytes: Buffer, available: AvailableFiles): Replay {
  const edits: { edit: VersionEdit; end: number }[] = [];
  let broken = "";
  const scan = scanLog(bytes, (data, end) => {
    if (broken) return;
    try {
      edits.push({ edit: decodeVersionEdit(data), end });
    } catch (cause) {
      broken = `its record before ${end} is not a version edit (${(cause as Error).message})`;
    }
  });

  const state = new ManifestState(available);
  const sequences = new Set<number>();
  let best = -1;
  edits.forEach(({ edit }, index) => {
    state.apply(edit);
    if (edit.lastSequence !== undefined) sequences.add(edit.lastSequence);
    if (state.problem() === undefined) best = index;
  });
  const behind = broken || (edits.length === 0 ? "it holds no record" : (state.problem() ?? ""));
  if (best < 0) return { scan, version: undefined, behind, sequences };

  const isNewest = best === edits.length - 1;
  const chosen = isNewest ? state : new ManifestState(available);
  if (!isNewest) for (const { edit } of edits.slice(0, best + 1)) chosen.apply(edit);
  return { scan, version: chosen.version(edits[best]?.end ?? 0), behind, sequences };
}

class ManifestState {
  readonly #available: AvailableFiles;
  readonly #tables = new Map<number, TableEntry>();
  readonly #missing = new Set<number>();
  /** Each as the newest edit that carries it says. */
  readonly #fields: Omit<VersionEdit, "deleted" | "added"> = {};

  constructor(available: AvailableFiles) {
    this.#available = available;
  }

  apply({ deleted, added, ...fields }: VersionEdit): void {
    Object.assign(this.#fields, fields);
    for (const { number } of deleted) {
      this.#tables.delete(number);
      this.#missing.delete(number);
    }
    for (const table of added) {
      this.#tables.set(table.number, table);
      if (this.#available.tables.get(table.number)?.source.size !== table.size) this.#missing.add(table.number);
    }
  }

  /** Why this state cannot be opened with the available files; `undefined` when it can. */
  problem(): string | undefined {
    const { comparator, logNumber, prevLogNumber = 0, nextFile, lastSequence } = this.#fields;
    if (comparator === undefined) return "it names no comparator";
    if (logNumber === undefined || nextFile === undefined || lastSequence === undefined) {
      return "it does not say its log, its next file and its last sequence";
    }
    for (const number of this.#missing) {
      const size = this.#available.tables.get(number)?.source.size;
      const name = `table ${padded(number)}`;
      return size === undefined
        ? `${name} is missing`
        : `${name} has ${size} bytes, not ${this.#tables.get(number)?.size}`;
    }
    // LevelDB creates a log before the manifest names it, and deletes it after the manifest names the next one.
    for (const number of [logNumber, prevLogNumber]) {
      if (number > 0 && !this.#available.logs.has(number)) return `log ${padded(number)} is missing`;
    }
    if (![...this.#available.logs].some((number) => number >= logNumber)) return "there is no log";
    return undefined;
  }

  version(end: number): Version {
    const { logNumber = 0, prevLogNumber = 0, lastSequence = 0 } = this.#fields;
    // A copy: the version is kept for longer than the bytes of the manifest.
    const tables = [...this.#tables.values()].map((table) => ({ ...table, firstKey: Buffer.from(table.firstKey) }));
    return {
      end,
      tables: new Map(tables.map((table) => [table.number, table])),
      logNumber: Math.min(logNumber, prevLogNumber || logNumber),
      lastSequence,
    };
  }
}

function padded(number: number): string {
  return String(number).padStart(6, "0");
}
