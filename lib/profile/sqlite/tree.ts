import { checkSpace, type Extent } from "./page-space.ts";
import type { SqlitePages } from "./pages.ts";
import { decodeRecord, isRecord, readVarint, type SqliteValue } from "./record.ts";

// SQLite's own fileformat2.html, "B-tree Pages".
const INTERIOR_INDEX = 2;
const INTERIOR_TABLE = 5;
const LEAF_INDEX = 10;
const LEAF_TABLE = 13;
const MAX_DEPTH = 20;
/** A schema row: type, name, table, root page, SQL. */
const ROOT_COLUMN = 3;

/** A table or index of a database. */
export interface SqliteEntry {
  readonly name: string;
  readonly root: number;
}

/**
 * Checks the trees and the free list of a database as `PRAGMA quick_check` does.
 * @returns what is wrong; `undefined` when nothing is
 */
export async function checkTrees(pages: SqlitePages): Promise<string | undefined> {
  try {
    const trees = new Trees(pages);
    const roots = (await trees.schema()).map(({ root }) => root).filter((root) => root > 0);
    for (const root of roots) await trees.rows(root);
    await trees.freelist();
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/**
 * The rows of a table, in the order of its key; none when there is no such table.
 * @throws RangeError when the database is malformed
 */
export async function readRows(pages: SqlitePages, table: string): Promise<SqliteValue[][]> {
  const trees = new Trees(pages);
  const entry = (await trees.schema()).find(({ name }) => name === table);
  const rows: SqliteValue[][] = [];
  if (entry) await trees.rows(entry.root, (payload) => rows.push(decodeRecord(payload)));
  return rows;
}

/** The trees of a database, read page by page. Each page may be used once. */
class Trees {
  readonly #pages: SqlitePages;
  readonly #usable: number;
  readonly #used: Uint8Array;

  constructor(pages: SqlitePages) {
    this.#pages = pages;
    this.#usable = pages.header.pageSize - pages.header.reservedBytes;
    this.#used = new Uint8Array(pages.count + 1);
  }

  async schema(): Promise<SqliteEntry[]> {
    const entries: SqliteEntry[] = [];
    await this.rows(1, (payload) => {
      const row = decodeRecord(payload);
      const [name, root] = [row[1], row[ROOT_COLUMN]];
      if (typeof name !== "string") throw new RangeError("its schema is malformed");
      entries.push({ name, root: typeof root === "number" ? root : 0 });
    });
    return entries;
  }

  /** Checks every page of a tree; calls `onRow` with the whole payload of each row. */
  async rows(root: number, onRow?: (payload: Buffer) => void): Promise<void> {
    const depths = new Set<number>();
    const stack: { number: number; depth: number }[] = [{ number: root, depth: 0 }];
    let kind: boolean | undefined;
    let last: number | undefined;
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (next.depth > MAX_DEPTH) throw new RangeError(`the tree at page ${root} is too deep`);
      const page = await this.#readPage(next.number);
      const base = next.number === 1 ? 100 : 0;
      const type = page[base] as number;
      const isTable = type === INTERIOR_TABLE || type === LEAF_TABLE;
      const isLeaf = type === LEAF_INDEX || type === LEAF_TABLE;
      if (!isTable && type !== INTERIOR_INDEX && type !== LEAF_INDEX)
        throw new RangeError(`page ${next.number} is no tree page`);
      if (kind !== undefined && kind !== isTable) throw new RangeError(`page ${next.number} is of another tree`);
      kind = isTable;
      if (isLeaf) depths.add(next.depth);

      const children: number[] = [];
      const extents: Extent[] = [];
      for (const at of this.#cells(page, base, isLeaf, next.number)) {
        if (!isLeaf) children.push(page.readUInt32BE(at));
        if (isTable && !isLeaf) {
          extents.push({ at, end: readVarint(page, at + 4).next });
          continue;
        }
        const from = at + (isLeaf ? 0 : 4);
        const { payload, end, key } = await this.#payload(page, from, isTable, next.number, onRow !== undefined);
        extents.push({ at, end });
        // The leaves of a table come in the order of its keys. A negative key reads as a number too large to be exact.
        if (isTable && last !== undefined && key <= last && last <= Number.MAX_SAFE_INTEGER)
          throw new RangeError(`the rows of page ${next.number} are out of order`);
        last = key > Number.MAX_SAFE_INTEGER ? undefined : key;
        onRow?.(payload);
      }
      checkSpace(page, base, this.#usable, extents, `page ${next.number}`);
      if (!isLeaf) children.push(page.readUInt32BE(base + 8));
      for (const number of children.reverse()) stack.push({ number, depth: next.depth + 1 });
    }
    if (depths.size > 1) throw new RangeError(`the tree at page ${root} is uneven`);
  }

  async freelist(): Promise<void> {
    const { freelist, freePages } = this.#pages.header;
    let count = 0;
    for (let number = freelist; number !== 0; ) {
      const trunk = await this.#readPage(number);
      const leaves = trunk.readUInt32BE(4);
      if (leaves > this.#usable / 4 - 2) throw new RangeError(`page ${number} of the free list is malformed`);
      for (let i = 0; i < leaves; i++) this.#claim(trunk.readUInt32BE(8 + 4 * i));
      count += 1 + leaves;
      number = trunk.readUInt32BE(0);
    }
    if (count !== freePages) throw new RangeError(`its free list has ${count} pages, its header says ${freePages}`);
  }

  /** The offsets of the cells of a page. */
  #cells(page: Buffer, base: number, isLeaf: boolean, number: number): number[] {
    const count = page.readUInt16BE(base + 3);
    const pointers = base + (isLeaf ? 8 : 12);
    const content = page.readUInt16BE(base + 5) || 65_536;
    const cells: number[] = [];
    if (pointers + 2 * count > Math.min(content, this.#usable)) throw new RangeError(`page ${number} is malformed`);
    for (let i = 0; i < count; i++) {
      const at = page.readUInt16BE(pointers + 2 * i);
      if (at < content || at > this.#usable - 4) throw new RangeError(`page ${number} is malformed`);
      cells.push(at);
    }
    return cells;
  }

  /** The payload of a cell, the offset where the cell ends in its page, and its key in a table. */
  async #payload(
    page: Buffer,
    at: number,
    isTable: boolean,
    number: number,
    isWanted: boolean,
  ): Promise<{ payload: Buffer; end: number; key: number }> {
    const size = readVarint(page, at);
    let from = size.next;
    let key = 0;
    if (isTable) ({ next: from, value: key } = readVarint(page, from));
    const local = this.#local(size.value, isTable);
    const isSpilled = local < size.value;
    if (from + local + (isSpilled ? 4 : 0) > this.#usable) throw new RangeError(`a cell of page ${number} is too long`);
    if (!isRecord(page.subarray(from, from + local), size.value))
      throw new RangeError(`a row of page ${number} is malformed`);
    const parts = [page.subarray(from, from + local)];
    let rest = size.value - local;
    for (let next = isSpilled ? page.readUInt32BE(from + local) : 0; rest > 0; ) {
      const overflow = await this.#readPage(next);
      const length = Math.min(rest, this.#usable - 4);
      if (isWanted) parts.push(overflow.subarray(4, 4 + length));
      rest -= length;
      next = overflow.readUInt32BE(0);
      if (rest === 0 && next !== 0) throw new RangeError(`a value of page ${number} is longer than it says`);
    }
    const payload = isWanted ? Buffer.concat(parts) : page.subarray(0, 0);
    return { payload, end: from + local + (isSpilled ? 4 : 0), key };
  }

  /** How many bytes of a payload lie in the page itself. */
  #local(size: number, isTable: boolean): number {
    const u = this.#usable;
    const most = isTable ? u - 35 : Math.floor(((u - 12) * 64) / 255) - 23;
    if (size <= most) return size;
    const least = Math.floor(((u - 12) * 32) / 255) - 23;
    const fit = least + ((size - least) % (u - 4));
    return fit <= most ? fit : least;
  }

  async #readPage(number: number): Promise<Buffer> {
    this.#claim(number);
    return await this.#pages.page(number);
  }

  #claim(number: number): void {
    if (number < 1 || number > this.#pages.count)
      throw new RangeError(`it refers to page ${number} of ${this.#pages.count}`);
    if (this.#used[number]) throw new RangeError(`page ${number} is used twice`);
    this.#used[number] = 1;
  }
}
