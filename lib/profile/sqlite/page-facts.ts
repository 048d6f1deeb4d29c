import type { SqliteHeader } from "./header.ts";
import { type PageForm, type PageVisitor, TreePageReader } from "./tree-page.ts";

const SEGMENT = 1 << 16;
/** Numbers that are kept of a tree page before those of its children and chains. */
const HEAD = 4;

/**
 * What the check of the trees needs of the pages of a database: 9 bytes for each page and 32 for most tree pages, a
 * hundredth of the database. So all pages can be read once, in the order of the file.
 *
 * A page does not say what it is: each is taken for a tree page and for a part of a payload. What is wrong with it as a
 * tree page counts only when a tree refers to it.
 */
export class PageFacts {
  readonly #reader: TreePageReader;
  /** The first four bytes of each page: where it is a part of a payload, the page of the next part. */
  readonly #next: Uint32Array;
  /** Where the numbers of each tree page begin, plus 1; 0 for a page that is none. */
  readonly #begin: Uint32Array;
  readonly #numbers = new NumberList();
  readonly #problems = new Map<number, string>();
  readonly #found: PageNumbers;

  constructor(header: SqliteHeader, count: number) {
    this.#reader = new TreePageReader(header);
    this.#found = new PageNumbers(this.#reader.usable - 4);
    this.#next = new Uint32Array(count + 1);
    this.#begin = new Uint32Array(count + 1);
  }

  /** Adds the page that begins at `start`. Each page is added at most once. */
  add(number: number, bytes: Buffer, start: number): void {
    this.#next[number] = bytes.readUInt32BE(start);
    const form = this.#reader.formOf(bytes, start, number);
    if (form === undefined) return;
    const [found, numbers] = [this.#found, this.#numbers];
    found.begin(number);
    try {
      this.#reader.read(bytes, start, number, form, found);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#problems.set(number, error.message);
      return;
    }
    this.#begin[number] = numbers.length + 1;
    numbers.push((form.isTable ? 1 : 0) + (form.isLeaf ? 2 : 0));
    numbers.push(found.childCount + SEGMENT * found.chainCount);
    numbers.push(found.first);
    numbers.push(found.last);
    for (let i = 0; i < found.childCount; i++) numbers.push(found.children[i] as number);
    for (let i = 0; i < 2 * found.chainCount; i++) numbers.push(found.chains[i] as number);
  }

  /** The page where a payload goes on after a page; 0 for none. */
  next(number: number): number {
    return this.#next[number] as number;
  }

  /** Finds a tree page. @throws RangeError when it is none, or malformed */
  find(number: number): TreePage {
    const problem = this.#problems.get(number);
    if (problem !== undefined) throw new RangeError(problem);
    const begin = this.#begin[number] as number;
    if (begin === 0) throw new RangeError(`page ${number} is no tree page`);
    return new TreePage(this.#numbers, begin - 1);
  }
}

/** A tree page, as its facts tell it. */
export class TreePage implements PageForm {
  readonly isTable: boolean;
  readonly isLeaf: boolean;
  /** Key of its first row in a leaf of a table; `Infinity` without one, and for one that is not exact. */
  readonly first: number;
  /** Key of its last row in a leaf of a table; `-Infinity` without one, `NaN` for one that is not exact. */
  readonly last: number;
  readonly childCount: number;
  readonly chainCount: number;
  readonly #numbers: NumberList;
  readonly #begin: number;

  constructor(numbers: NumberList, begin: number) {
    const form = numbers.get(begin);
    const counts = numbers.get(begin + 1);
    this.isTable = (form & 1) === 1;
    this.isLeaf = (form & 2) === 2;
    this.childCount = counts % SEGMENT;
    this.chainCount = Math.floor(counts / SEGMENT);
    this.first = numbers.get(begin + 2);
    this.last = numbers.get(begin + 3);
    this.#numbers = numbers;
    this.#begin = begin + HEAD;
  }

  child(index: number): number {
    return this.#numbers.get(this.#begin + index);
  }

  /** The page where a payload goes on, and the number of pages that it needs from there. */
  chain(index: number): { head: number; pages: number } {
    const at = this.#begin + this.childCount + 2 * index;
    return { head: this.#numbers.get(at), pages: this.#numbers.get(at + 1) };
  }
}

/** Collects the numbers of one tree page at a time. */
class PageNumbers implements PageVisitor {
  readonly children: number[] = [];
  childCount = 0;
  readonly chains: number[] = [];
  chainCount = 0;
  first = Number.POSITIVE_INFINITY;
  last = Number.NEGATIVE_INFINITY;
  /** Bytes of a payload that a page of its own holds. */
  readonly #chainBytes: number;
  #number = 0;

  constructor(chainBytes: number) {
    this.#chainBytes = chainBytes;
  }

  begin(number: number): void {
    this.#number = number;
    this.childCount = 0;
    this.chainCount = 0;
    this.first = Number.POSITIVE_INFINITY;
    this.last = Number.NEGATIVE_INFINITY;
  }

  onChild(page: number): void {
    this.children[this.childCount++] = page;
  }

  onPayload(_from: number, local: number, size: number, overflow: number, key: number): void {
    // A negative key reads as a number too large to be exact.
    const isExact = key <= Number.MAX_SAFE_INTEGER;
    if (this.last === Number.NEGATIVE_INFINITY && isExact) this.first = key;
    if (key <= this.last) throw new RangeError(`the rows of page ${this.#number} are out of order`);
    this.last = isExact ? key : Number.NaN;
    if (local === size) return;
    this.chains[2 * this.chainCount] = overflow;
    this.chains[2 * this.chainCount++ + 1] = Math.ceil((size - local) / this.#chainBytes);
  }
}

/** A list of numbers that grows without being copied. */
class NumberList {
  readonly #segments: Float64Array[] = [];
  length = 0;

  push(value: number): void {
    const index = this.length % SEGMENT;
    if (index === 0) this.#segments.push(new Float64Array(SEGMENT));
    (this.#segments.at(-1) as Float64Array)[index] = value;
    this.length++;
  }

  get(index: number): number {
    return (this.#segments[Math.floor(index / SEGMENT)] as Float64Array)[index % SEGMENT] as number;
  }
}
