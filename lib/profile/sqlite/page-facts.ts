import { isDamage } from "../damage.ts";
import type { SqliteHeader } from "./header.ts";
import { type PageForm, type PageVisitor, TreePageReader } from "./tree-page.ts";

const SEGMENT = 1 << 16;
const IS_TABLE = 1;
const IS_LEAF = 2;
/** Whether a page has keys: of 32 bits, as most are, or of 64. */
const HAS_KEYS = 4;
const HAS_LONG_KEYS = 8;
const FORM_BITS = 4;

/**
 * What the check of the trees needs of the pages of a database, so that all of them can be read once and in the order of
 * the file, not in that of the trees. It takes 8 bytes for each page, 4 more for each tree page, and 4 for each number
 * that a tree page tells: how many children it has and each of them, its first and last key (8 for those beyond 32 bits),
 * and two for each payload that goes on in another page.
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
      if (!isDamage(error)) throw error;
      this.#problems.set(number, error.message);
      return;
    }
    this.#begin[number] = numbers.length + 1;
    // The keys of an index are payloads, of which no order is checked.
    const isKeyless = found.first === Number.POSITIVE_INFINITY && found.last === Number.NEGATIVE_INFINITY;
    const hasKeys = form.isTable && !isKeyless;
    const isLong = found.first >>> 0 !== found.first || found.last >>> 0 !== found.last;
    const keys = hasKeys ? (isLong ? HAS_LONG_KEYS : HAS_KEYS) : 0;
    numbers.push((form.isTable ? IS_TABLE : 0) | (form.isLeaf ? IS_LEAF : 0) | keys | (found.chainCount << FORM_BITS));
    if (!form.isLeaf) numbers.push(found.childCount);
    if (keys === HAS_KEYS) {
      numbers.push(found.first);
      numbers.push(found.last);
    } else if (keys === HAS_LONG_KEYS) {
      numbers.pushLong(found.first);
      numbers.pushLong(found.last);
    }
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
    let at = begin;
    const form = numbers.get(at++);
    this.isTable = (form & IS_TABLE) !== 0;
    this.isLeaf = (form & IS_LEAF) !== 0;
    this.chainCount = form >>> FORM_BITS;
    this.childCount = this.isLeaf ? 0 : numbers.get(at++);
    const longs = (form & HAS_LONG_KEYS) !== 0;
    const hasKeys = longs || (form & HAS_KEYS) !== 0;
    this.first = longs ? numbers.getLong(at) : hasKeys ? numbers.get(at) : Number.POSITIVE_INFINITY;
    this.last = longs ? numbers.getLong(at + 2) : hasKeys ? numbers.get(at + 1) : Number.NEGATIVE_INFINITY;
    this.#numbers = numbers;
    this.#begin = at + (longs ? 4 : hasKeys ? 2 : 0);
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

const long = new Float64Array(1);
const words = new Uint32Array(long.buffer);

/** A list of numbers of 32 bits that grows without being copied. */
class NumberList {
  readonly #segments: Uint32Array[] = [];
  #last: Uint32Array = new Uint32Array(0);
  length = 0;

  push(value: number): void {
    const index = this.length++ % SEGMENT;
    if (index === 0) {
      this.#last = new Uint32Array(SEGMENT);
      this.#segments.push(this.#last);
    }
    this.#last[index] = value;
  }

  /** Adds a number of any size as two. */
  pushLong(value: number): void {
    long[0] = value;
    this.push(words[0] as number);
    this.push(words[1] as number);
  }

  get(index: number): number {
    return (this.#segments[Math.floor(index / SEGMENT)] as Uint32Array)[index % SEGMENT] as number;
  }

  getLong(index: number): number {
    words[0] = this.get(index);
    words[1] = this.get(index + 1);
    return long[0] as number;
  }
}
