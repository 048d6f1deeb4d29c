import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { smallSqlite, walBytes } from "./sqlite-bytes.ts";

const PAGE = 512;
const FRAME = PAGE + 24;
/** Pages 4 and above hold nothing but the number of the commit that wrote them last. */
const PAGES = 12;
/** The content of a page that no commit has written. */
const UNDECIDED = 0xdead;

/**
 * Writes a database in WAL mode as SQLite does, one file operation at a time: frames, commits, checkpoints page by
 * page, logs that are reset in place. Each commit writes some pages with its number, and page 4 always.
 */
export class SqliteWriter {
  readonly #path: string;
  readonly #random: () => number;
  readonly #plan: (() => void)[] = [];
  /** The content of each page after each commit. */
  readonly states: number[][] = [];
  #salt = 1;
  #frames: { page: number; commit: number; data: Buffer }[] = [];
  #isBackfilled = false;
  /** The number of the newest commit whose frames are whole. */
  commit = 0;

  constructor(path: string, random: () => number) {
    this.#path = path;
    this.#random = random;
    mkdirSync(dirname(path), { recursive: true });
    const [schema, table, free] = smallSqlite() as [Buffer, Buffer, Buffer];
    schema.writeUInt32BE(PAGES, 28);
    const rest = Array.from({ length: PAGES - 3 }, () => pageOf(0));
    writeFileSync(path, Buffer.concat([schema, table, free, ...rest]));
    writeFileSync(`${path}-wal`, "");
    this.states.push(Array.from({ length: PAGES - 3 }, () => 0));
  }

  /** Does one file operation. */
  step(): void {
    const planned = this.#plan.shift();
    if (planned) planned();
    else if (this.#frames.length > 0 && this.#random() < 0.08) this.#checkpoint();
    else if (this.#random() < 0.2) this.#spill();
    else this.#write();
  }

  /** Resets the log once all of it is in the database: the next frames overwrite the old ones. */
  #startOver(): void {
    if (!this.#isBackfilled) return;
    this.#frames = [];
    this.#salt++;
    this.#isBackfilled = false;
  }

  /**
   * Plans a transaction too large for SQLite's cache: frames reach the log before it commits. Either some frames are
   * overwritten in place, and all of them get new checksums with the commit; or the transaction is rolled back, and the
   * next one begins at the same position.
   */
  #spill(): void {
    this.#startOver();
    const number = this.commit + 1;
    const first = this.#frames.length;
    const pages = [4, 5, 6].slice(0, 1 + Math.floor(this.#random() * 3));
    for (const page of pages) this.#frames.push({ page, commit: 0, data: pageOf(UNDECIDED) });
    const spilled = this.#bytes();
    if (first === 0) this.#plan.push(() => put(`${this.#path}-wal`, spilled.subarray(0, 32), 0));
    pages.forEach((_page, index) => {
      const at = 32 + (first + index) * FRAME;
      this.#plan.push(() => put(`${this.#path}-wal`, spilled.subarray(at, at + FRAME), at));
    });
    const idle = Math.floor(this.#random() * 6);
    for (let i = 0; i < idle; i++) this.#plan.push(() => {});
    if (this.#random() < 0.5) {
      this.#frames.length = first;
      return;
    }
    pages.forEach((page, index) => {
      this.#frames[first + index] = { page, commit: 0, data: pageOf(number) };
      this.#plan.push(() => put(`${this.#path}-wal`, pageOf(number), 32 + (first + index) * FRAME + 24));
    });
    this.#frames.push({ page: 7, commit: PAGES, data: pageOf(number) });
    const bytes = this.#bytes();
    const last = bytes.length - FRAME;
    const unsigned = Buffer.from(bytes.subarray(last)).fill(0, 8, 24);
    this.#plan.push(() => put(`${this.#path}-wal`, unsigned, last));
    for (let at = 32 + first * FRAME; at <= last; at += FRAME) {
      this.#plan.push(() => {
        put(`${this.#path}-wal`, bytes.subarray(at, at + 24), at);
        if (at === last) this.#committed(number, [...pages, 7]);
      });
    }
  }

  #bytes(): Buffer {
    return walBytes(this.#frames, { salt: this.#salt });
  }

  #committed(number: number, pages: readonly number[]): void {
    this.commit = number;
    const state = [...(this.states.at(-1) as number[])];
    for (const page of pages) state[page - 4] = number;
    this.states.push(state);
  }

  #write(): void {
    this.#startOver();
    const number = this.commit + 1;
    const pages = [4, ...Array.from({ length: PAGES - 4 }, (_, i) => i + 5).filter(() => this.#random() < 0.4)];
    pages.forEach((page, index) => {
      this.#frames.push({ page, commit: index === pages.length - 1 ? PAGES : 0, data: pageOf(number) });
      const bytes = this.#bytes();
      const at = bytes.length - FRAME;
      if (this.#frames.length === 1) this.#plan.push(() => put(`${this.#path}-wal`, bytes.subarray(0, 32), 0));
      this.#plan.push(() => put(`${this.#path}-wal`, bytes.subarray(at, at + 24), at));
      const isLast = index === pages.length - 1;
      this.#plan.push(() => {
        put(`${this.#path}-wal`, bytes.subarray(at + 24), at + 24);
        if (isLast) this.#committed(number, pages);
      });
    });
  }

  /** Writes the pages to the database one by one; then the log may be reset, or truncated first. */
  #checkpoint(): void {
    const newest = new Map(this.#frames.map(({ page, data }) => [page, data]));
    for (const [page, data] of newest) {
      this.#plan.push(() => put(this.#path, data.subarray(0, 200), (page - 1) * PAGE));
      this.#plan.push(() => put(this.#path, data.subarray(200), (page - 1) * PAGE + 200));
    }
    const isCut = this.#random() < 0.3;
    this.#plan.push(() => {
      this.#isBackfilled = true;
      if (!isCut) return;
      const file = openSync(`${this.#path}-wal`, "r+");
      ftruncateSync(file, 0);
      closeSync(file);
    });
  }
}

/**
 * Writes a database with a rollback journal as SQLite does: the journal, the pages in place, the first one with a new
 * change counter; then the journal is deleted. Each commit writes all pages from the fourth on.
 */
export class RollbackWriter {
  readonly #path: string;
  readonly #random: () => number;
  readonly #plan: (() => void)[] = [];
  #commit = 0;

  constructor(path: string, random: () => number) {
    this.#path = path;
    this.#random = random;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.concat([...this.#firstPages(), ...Array.from({ length: PAGES - 3 }, () => pageOf(0))]));
  }

  get isBusy(): boolean {
    return this.#plan.length > 0;
  }

  /** Does one file operation. */
  step(): void {
    if (this.#plan.length === 0 && this.#random() < 0.5) this.#write();
    this.#plan.shift()?.();
  }

  #write(): void {
    this.#commit++;
    const pages = [...this.#firstPages().slice(0, 1), ...Array.from({ length: PAGES - 3 }, () => pageOf(this.#commit))];
    this.#plan.push(() => writeFileSync(`${this.#path}-journal`, "pages as they were"));
    pages.forEach((page, index) => {
      this.#plan.push(() => put(this.#path, page, (index === 0 ? 0 : index + 2) * PAGE));
    });
    this.#plan.push(() => unlinkSync(`${this.#path}-journal`));
  }

  #firstPages(): Buffer[] {
    const [schema, table, free] = smallSqlite() as [Buffer, Buffer, Buffer];
    schema.set([1, 1], 18);
    schema.writeUInt32BE(PAGES, 28);
    schema.writeUInt32BE(this.#commit + 5, 24);
    schema.writeUInt32BE(this.#commit + 5, 92);
    return [schema, table, free];
  }
}

/** A page filled with the number of the commit that wrote it. */
export function pageOf(commit: number): Buffer {
  const page = Buffer.alloc(PAGE);
  for (let at = 0; at < PAGE; at += 4) page.writeUInt32BE(commit, at);
  return page;
}

function put(path: string, bytes: Buffer, at: number): void {
  appendFileSync(path, "");
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}
