import { checkSpace, Extents } from "./page-space.ts";
import { isRecord, Varints } from "./record.ts";

// SQLite's own fileformat2.html, "B-tree Pages".
const INTERIOR_INDEX = 2;
const INTERIOR_TABLE = 5;
const LEAF_INDEX = 10;
const LEAF_TABLE = 13;
/** SQLite holds the sizes of payloads in 32 bits with a sign. */
const MOST_PAYLOAD_BYTES = 0x7fffffff;
/** Page 1 begins with the header of the database. */
const HEADER_BYTES = 100;

/** What a tree page tells, in the order of its cells. Positions are in the bytes that the page lies in. */
export interface PageVisitor {
  onChild(page: number): void;
  /**
   * @param from where its payload begins
   * @param local bytes of the payload that lie in the page
   * @param size bytes of the whole payload
   * @param overflow the page where it goes on; 0 when all of it lies in the page
   * @param key its key in a table; `NaN` in an index
   */
  onPayload(from: number, local: number, size: number, overflow: number, key: number): void;
}

/** The form of a tree page; `undefined` when it is none. */
export interface PageForm {
  readonly isTable: boolean;
  readonly isLeaf: boolean;
}

const FORMS: ReadonlyMap<number | undefined, PageForm> = new Map([
  [INTERIOR_INDEX, { isTable: false, isLeaf: false }],
  [INTERIOR_TABLE, { isTable: true, isLeaf: false }],
  [LEAF_INDEX, { isTable: false, isLeaf: true }],
  [LEAF_TABLE, { isTable: true, isLeaf: true }],
]);

/** Reads and checks the tree pages of a database, without an allocation for each. */
export class TreePageReader {
  /** Bytes of a page that belong to the tree. */
  readonly usable: number;
  readonly #extents = new Extents();
  readonly #input = new Varints();

  constructor({ pageSize, reservedBytes }: { pageSize: number; reservedBytes: number }) {
    this.usable = pageSize - reservedBytes;
  }

  /** The form of the page that begins at `start`, as its first byte says. */
  formOf(bytes: Buffer, start: number, number: number): PageForm | undefined {
    return FORMS.get(bytes[start + baseOf(number)]);
  }

  /**
   * Visits all that a tree page tells, and checks it as far as the page itself shows damage.
   * @throws RangeError when it is malformed
   */
  read(bytes: Buffer, start: number, number: number, { isTable, isLeaf }: PageForm, visitor: PageVisitor): void {
    const [base, extents, input, usable] = [baseOf(number), this.#extents, this.#input, this.usable];
    const header = start + base;
    const count = bytes.readUInt16BE(header + 3);
    const content = bytes.readUInt16BE(header + 5) || 65_536;
    const pointers = base + (isLeaf ? 8 : 12);
    if (pointers + 2 * count > Math.min(content, usable)) throw new RangeError(`page ${number} is malformed`);
    extents.clear();
    for (let i = 0; i < count; i++) {
      const at = bytes.readUInt16BE(start + pointers + 2 * i);
      if (at < content || at > usable - 4) throw new RangeError(`page ${number} is malformed`);
      if (!isLeaf) visitor.onChild(bytes.readUInt32BE(start + at));
      input.begin(bytes, start + at + (isLeaf ? 0 : 4), start + usable);
      if (isTable && !isLeaf) input.next();
      else this.#readPayload(bytes, start, number, isTable, visitor);
      extents.add(at, input.at - start);
    }
    checkSpace(bytes, { start, base, usable, number }, extents);
    if (!isLeaf) visitor.onChild(bytes.readUInt32BE(header + 8));
  }

  #readPayload(bytes: Buffer, start: number, number: number, isTable: boolean, visitor: PageVisitor): void {
    const input = this.#input;
    const size = input.next();
    if (size > MOST_PAYLOAD_BYTES) throw new RangeError(`a row of page ${number} is too large`);
    const key = isTable ? input.next() : Number.NaN;
    const from = input.at;
    const local = this.#local(size, isTable);
    const end = from + local + (local < size ? 4 : 0);
    if (end > start + this.usable) throw new RangeError(`a cell of page ${number} is too long`);
    if (!isRecord(bytes, from, local, size)) throw new RangeError(`a row of page ${number} is malformed`);
    visitor.onPayload(from, local, size, local < size ? bytes.readUInt32BE(from + local) : 0, key);
    input.at = end;
  }

  /** How many bytes of a payload lie in the page itself. */
  #local(size: number, isTable: boolean): number {
    const u = this.usable;
    const most = isTable ? u - 35 : Math.floor(((u - 12) * 64) / 255) - 23;
    if (size <= most) return size;
    const least = Math.floor(((u - 12) * 32) / 255) - 23;
    const fit = least + ((size - least) % (u - 4));
    return fit <= most ? fit : least;
  }
}

function baseOf(number: number): number {
  return number === 1 ? HEADER_BYTES : 0;
}
