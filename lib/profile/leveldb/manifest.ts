import { decodeVersionEdit, type LogScan, scanLog, type TableEntry, type VersionEdit } from "./format.ts";

/** What a file of a LevelDB directory is; `undefined` for what no session needs (`LOCK`, `LOG`, `*.dbtmp`). */
export interface LevelDbName {
  readonly kind: "current" | "manifest" | "table" | "log";
  readonly number: number;
}

export function parseLevelDbName(name: string): LevelDbName | undefined {
  if (name === "CURRENT") return { kind: "current", number: 0 };
  const match = /^(?:(MANIFEST-)(\d+)|(\d+)\.(ldb|sst|log))$/.exec(name);
  if (!match) return undefined;
  if (match[1]) return { kind: "manifest", number: Number(match[2]) };
  return { kind: match[4] === "log" ? "log" : "table", number: Number(match[3]) };
}

/** The manifest that `CURRENT` names; `undefined` when it names none. */
export function manifestOf(current: Buffer): string | undefined {
  return /^(MANIFEST-\d+)\n$/.exec(current.toString("latin1"))?.[1];
}

/** A state of a LevelDB: what one prefix of its manifest says. */
export interface Version {
  /** Where the prefix ends in the manifest. */
  readonly end: number;
  readonly tables: ReadonlyMap<number, TableEntry>;
  /** Logs below it are in tables already. */
  readonly logNumber: number;
  readonly lastSequence: number;
}

/** The files that are at hand, by number. */
export interface AtHand {
  /** Bytes of a table, `undefined` when it is not there. */
  table(number: number): number | undefined;
  log(number: number): boolean;
  /** Numbers of all logs. */
  readonly logs: readonly number[];
}

/** What a manifest says. */
export interface Replay {
  readonly scan: LogScan;
  /** Its newest state whose tables and logs are all at hand. */
  readonly version: Version | undefined;
  /** Why `version` is not the state at its end; empty when it is. */
  readonly behind: string;
  /** Every `lastSequence` it has carried. */
  readonly sequences: ReadonlySet<number>;
}

/** Replays a manifest. Any prefix of it that ends with a record is a state the database was in. */
export function replayManifest(bytes: Buffer, atHand: AtHand): Replay {
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

  const state = new ManifestState(atHand);
  const sequences = new Set<number>();
  let best = -1;
  edits.forEach(({ edit }, index) => {
    state.apply(edit);
    if (edit.lastSequence !== undefined) sequences.add(edit.lastSequence);
    if (state.lacks() === undefined) best = index;
  });
  const behind = broken || (edits.length === 0 ? "it holds no record" : (state.lacks() ?? ""));
  if (best < 0) return { scan, version: undefined, behind, sequences };

  const chosen = new ManifestState(atHand);
  for (const { edit } of edits.slice(0, best + 1)) chosen.apply(edit);
  return { scan, version: chosen.version(edits[best]?.end ?? 0), behind, sequences };
}

class ManifestState {
  readonly #atHand: AtHand;
  readonly #tables = new Map<number, TableEntry>();
  readonly #missing = new Set<number>();
  #comparator: string | undefined;
  #log: number | undefined;
  #previousLog = 0;
  #nextFile: number | undefined;
  #lastSequence: number | undefined;

  constructor(atHand: AtHand) {
    this.#atHand = atHand;
  }

  apply(edit: VersionEdit): void {
    this.#comparator = edit.comparator ?? this.#comparator;
    this.#log = edit.logNumber ?? this.#log;
    this.#previousLog = edit.prevLogNumber ?? this.#previousLog;
    this.#nextFile = edit.nextFile ?? this.#nextFile;
    this.#lastSequence = edit.lastSequence ?? this.#lastSequence;
    for (const { number } of edit.deleted) {
      this.#tables.delete(number);
      this.#missing.delete(number);
    }
    for (const table of edit.added) {
      this.#tables.set(table.number, table);
      if (this.#atHand.table(table.number) !== table.size) this.#missing.add(table.number);
    }
  }

  /** What this state needs and is not there; `undefined` when all is. */
  lacks(): string | undefined {
    if (this.#comparator === undefined) return "it names no comparator";
    if (this.#log === undefined || this.#nextFile === undefined || this.#lastSequence === undefined) {
      return "it does not say its log, its next file and its last sequence";
    }
    for (const number of this.#missing) {
      const size = this.#atHand.table(number);
      const name = `table ${padded(number)}`;
      return size === undefined
        ? `${name} is missing`
        : `${name} has ${size} bytes, not ${this.#tables.get(number)?.size}`;
    }
    // The log it names is created before it is named, and deleted after the next one is.
    for (const number of [this.#log, this.#previousLog]) {
      if (number > 0 && !this.#atHand.log(number)) return `log ${padded(number)} is missing`;
    }
    if (!this.#atHand.logs.some((number) => number >= (this.#log ?? 0))) return "there is no log";
    return undefined;
  }

  version(end: number): Version {
    const logNumber = Math.min(this.#log ?? 0, this.#previousLog || (this.#log ?? 0));
    return { end, tables: this.#tables, logNumber, lastSequence: this.#lastSequence ?? 0 };
  }
}

function padded(number: number): string {
  return String(number).padStart(6, "0");
}
