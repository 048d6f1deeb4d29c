import { appendFileSync, mkdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { batchBytes, type Edit, editBytes, logBytes, tableBytes } from "./leveldb-bytes.ts";

/**
 * Writes a directory as LevelDB does, in its order, one file operation at a time. Every batch writes one key that is
 * named after its sequence number, so the highest key tells the state.
 */
export class LevelDbWriter {
  readonly #dir: string;
  readonly #random: () => number;
  readonly #plan: (() => void)[] = [];
  #next = 4;
  #log = 3;
  #logSize = 0;
  #manifest = 1;
  #manifestSize = 0;
  #inLog: number[] = [];
  #tables: { number: number; size: number; keys: number[] }[] = [];
  /** The sequence number of the newest batch that is whole in a log. */
  sequence = 0;

  constructor(dir: string, random: () => number) {
    this.#dir = dir;
    this.#random = random;
    mkdirSync(dir, { recursive: true });
    writeFileSync(this.#path("CURRENT"), "MANIFEST-000001\n");
    writeFileSync(this.#path("MANIFEST-000001"), "");
    this.#edit({ comparator: "c", log: 0, next: 2, last: 0 });
    writeFileSync(this.#path("000003.log"), "");
    this.step();
  }

  /** Does one file operation. */
  step(): void {
    const planned = this.#plan.shift();
    const dice = this.#random();
    if (planned) planned();
    else if (this.#inLog.length > 40 || dice < 0.02) this.#flush();
    else if (dice < 0.05 && this.#tables.length > 2) this.#compact();
    else this.#write();
  }

  /** Does one file operation, without ever beginning another log. */
  append(): void {
    const planned = this.#plan.shift();
    if (planned) planned();
    else this.#write();
  }

  #write(): void {
    const sequence = this.sequence + 1;
    const record = logBytes(
      [batchBytes(sequence, [[key(sequence), "value ".repeat(1 + (sequence % 400))]])],
      this.#logSize,
    );
    const cut = 7 + Math.floor(this.#random() * (record.length - 7));
    const log = this.#path(`${name(this.#log)}.log`);
    appendFileSync(log, record.subarray(0, cut));
    this.#plan.push(() => {
      appendFileSync(log, record.subarray(cut));
      this.#logSize += record.length;
      this.sequence = sequence;
      this.#inLog.push(sequence);
    });
  }

  /** Creates a log, writes the table of the old log and the edit that names both, and deletes the old log. */
  #flush(): void {
    const [oldLog, keys] = [this.#log, this.#inLog];
    this.#log = this.#next++;
    this.#inLog = [];
    this.#logSize = 0;
    writeFileSync(this.#path(`${name(this.#log)}.log`), "");
    if (keys.length === 0) {
      this.#plan.push(
        () => this.#edit({ log: this.#log, previousLog: 0, next: this.#next, last: this.sequence }),
        () => unlinkSync(this.#path(`${name(oldLog)}.log`)),
      );
      return;
    }
    const number = this.#next++;
    const size = this.#planTable(number, keys);
    this.#plan.push(
      () => {
        this.#edit({
          log: this.#log,
          previousLog: 0,
          next: this.#next,
          last: this.sequence,
          added: [[0, number, size]],
        });
        this.#tables.push({ number, size, keys });
      },
      () => unlinkSync(this.#path(`${name(oldLog)}.log`)),
    );
  }

  #compact(): void {
    const old = this.#tables.splice(0, 2);
    const keys = old.flatMap((table) => table.keys).sort((a, b) => a - b);
    const number = this.#next++;
    const size = this.#planTable(number, keys);
    this.#plan.push(() => {
      const deleted = old.map((table) => [0, table.number] as const);
      this.#edit({ next: this.#next, last: this.sequence, deleted, added: [[0, number, size]] });
      this.#tables.unshift({ number, size, keys });
    });
    for (const table of old) this.#plan.push(() => unlinkSync(this.#path(`${name(table.number)}.ldb`)));
  }

  #planTable(number: number, keys: readonly number[]): number {
    const bytes = tableBytes(keys.map((sequence) => ({ key: key(sequence), sequence, value: `value ${sequence}` })));
    const path = this.#path(`${name(number)}.ldb`);
    const half = Math.floor(bytes.length / 2);
    this.#plan.push(
      () => writeFileSync(path, bytes.subarray(0, half)),
      () => appendFileSync(path, bytes.subarray(half)),
    );
    return bytes.length;
  }

  /** Whether no operation is pending. */
  get isIdle(): boolean {
    return this.#plan.length === 0;
  }

  /** Plans one batch, with operations before and after it. To be called when no operation is pending. */
  transact(before: readonly (() => void)[], after: readonly (() => void)[]): void {
    this.#plan.push(...before, () => {
      this.#write();
      this.#plan.push(...after);
    });
  }

  /** Writes the first half of a record now, the rest as the next operation; now and then in a new manifest. */
  #edit(edit: Edit): void {
    if (this.sequence > 0 && this.#random() < 0.15) {
      this.#turn(edit);
      return;
    }
    const bytes = logBytes([editBytes(edit)], this.#manifestSize);
    const half = Math.floor(bytes.length / 2);
    const path = this.#path(`MANIFEST-${name(this.#manifest)}`);
    appendFileSync(path, bytes.subarray(0, half));
    this.#manifestSize += bytes.length;
    this.#plan.unshift(() => appendFileSync(path, bytes.subarray(half)));
  }

  /** Writes the first edit after LevelDB was opened with a new manifest: a snapshot, the edit, then CURRENT. */
  #turn(edit: Edit): void {
    const old = this.#path(`MANIFEST-${name(this.#manifest)}`);
    this.#manifest = this.#next++;
    const path = this.#path(`MANIFEST-${name(this.#manifest)}`);
    const added = this.#tables.map(({ number, size }) => [1, number, size] as const);
    const snapshot = editBytes({ comparator: "c", added });
    const bytes = logBytes([snapshot, editBytes({ ...edit, next: this.#next })]);
    this.#manifestSize = bytes.length;
    const cuts = [1, snapshot.length, snapshot.length + 12, bytes.length];
    writeFileSync(path, "");
    this.#plan.unshift(
      ...cuts.map((cut, index) => () => appendFileSync(path, bytes.subarray(cuts[index - 1] ?? 0, cut))),
      () => writeFileSync(this.#path("000099.dbtmp"), `MANIFEST-${name(this.#manifest)}\n`),
      () => renameSync(this.#path("000099.dbtmp"), this.#path("CURRENT")),
      () => unlinkSync(old),
    );
  }

  #path(file: string): string {
    return join(this.#dir, file);
  }
}

function key(sequence: number): string {
  return `key-${String(sequence).padStart(8, "0")}`;
}

function name(number: number): string {
  return String(number).padStart(6, "0");
}
