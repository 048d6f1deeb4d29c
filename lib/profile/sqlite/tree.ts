import { turns } from "../../async/turns.ts";
import { isDamage } from "../damage.ts";
import { PageFacts } from "./page-facts.ts";
import { PageSet } from "./page-set.ts";
import type { SqlitePages } from "./pages.ts";
import { readSchema } from "./rows.ts";

const MAX_DEPTH = 20;
/** Steps between two looks at the time. */
const STEPS = 512;

/**
 * Checks the trees and the free list of a database as `PRAGMA quick_check` does. Reads all pages once, in the order of
 * the files.
 * @returns what is wrong; `undefined` when nothing is
 */
export async function checkTrees(pages: SqlitePages): Promise<string | undefined> {
  try {
    const facts = new PageFacts(pages.header, pages.count);
    await pages.eachPage((number, bytes, start) => facts.add(number, bytes, start));
    const check = new TreeCheck(pages, facts);
    await check.tree(1);
    for (const { root } of await readSchema(pages)) if (root > 0) await check.tree(root);
    await check.freelist();
    return undefined;
  } catch (error) {
    if (isDamage(error)) return error.message;
    throw error;
  }
}

/** Follows the trees of a database from page to page. Each page may be used once. */
class TreeCheck {
  readonly #pages: SqlitePages;
  readonly #facts: PageFacts;
  readonly #used: PageSet;
  #steps = 0;

  constructor(pages: SqlitePages, facts: PageFacts) {
    this.#pages = pages;
    this.#facts = facts;
    this.#used = new PageSet(pages.count);
  }

  async tree(root: number): Promise<void> {
    let leafDepth: number | undefined;
    let isTable: boolean | undefined;
    /** The last key so far; `NaN` when it says nothing about the next one. */
    let last = Number.NaN;
    const [stack, depths] = [[root], [0]];
    for (let number = stack.pop(); number !== undefined; number = stack.pop()) {
      const depth = depths.pop() as number;
      if (depth > MAX_DEPTH) throw new RangeError(`the tree at page ${root} is too deep`);
      if (++this.#steps % STEPS === 0) await turns.next();
      this.#used.claim(number);
      const page = this.#facts.find(number);
      if (isTable !== undefined && isTable !== page.isTable) throw new RangeError(`page ${number} is of another tree`);
      isTable = page.isTable;
      for (let i = 0; i < page.chainCount; i++) await this.#chain(number, page.chain(i));
      if (page.isLeaf) {
        leafDepth ??= depth;
        if (leafDepth !== depth) throw new RangeError(`the tree at page ${root} is uneven`);
        // The leaves of a table come in the order of its keys.
        if (page.first <= last) throw new RangeError(`the rows of page ${number} are out of order`);
        if (page.last !== Number.NEGATIVE_INFINITY) last = page.last;
      }
      for (let i = page.childCount - 1; i >= 0; i--) {
        stack.push(page.child(i));
        depths.push(depth + 1);
      }
    }
  }

  /** Follows the pages of a payload. */
  async #chain(owner: number, { head, pages }: { head: number; pages: number }): Promise<void> {
    let next = head;
    for (let i = 0; i < pages; i++) {
      if (++this.#steps % STEPS === 0) await turns.next();
      this.#used.claim(next);
      next = this.#facts.next(next);
    }
    if (next !== 0) throw new RangeError(`a value of page ${owner} is longer than it says`);
  }

  async freelist(): Promise<void> {
    const { freelist, freePages, pageSize, reservedBytes } = this.#pages.header;
    let count = 0;
    for (let number = freelist; number !== 0; ) {
      this.#used.claim(number);
      const trunk = await this.#pages.page(number);
      const leaves = trunk.readUInt32BE(4);
      if (leaves > (pageSize - reservedBytes) / 4 - 2)
        throw new RangeError(`page ${number} of the free list is malformed`);
      for (let i = 0; i < leaves; i++) this.#used.claim(trunk.readUInt32BE(8 + 4 * i));
      count += 1 + leaves;
      number = trunk.readUInt32BE(0);
    }
    if (count !== freePages) throw new RangeError(`its free list has ${count} pages, its header says ${freePages}`);
  }
}
