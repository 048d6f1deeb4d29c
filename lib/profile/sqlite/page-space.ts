// SQLite's own fileformat2.html, "B-tree Pages".
const MIN_EXTENT_BYTES = 4;
/** More than any position in a page, or just after it. */
const RADIX = 1 << 17;
/** Up to so many, sorting by insertion is quicker than a call of the engine's sort. */
const FEW = 40;

/** The extents of a page that cells and free blocks take: from a position up to another. Serves one page at a time. */
export class Extents {
  /** `at * RADIX + end` for each. */
  #packed: Float64Array = new Float64Array(512);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  add(at: number, end: number): void {
    if (this.#length === this.#packed.length) {
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.#packed);
      this.#packed = longer;
    }
    this.#packed[this.#length++] = at * RADIX + end;
  }

  /** Sorts them by the position where they begin. */
  sort(): void {
    const [packed, length] = [this.#packed, this.#length];
    if (length > FEW) {
      packed.subarray(0, length).sort();
      return;
    }
    for (let i = 1; i < length; i++) {
      const value = packed[i] as number;
      let to = i;
      for (; to > 0 && (packed[to - 1] as number) > value; to--) packed[to] = packed[to - 1] as number;
      packed[to] = value;
    }
  }

  at(index: number): number {
    return Math.floor((this.#packed[index] as number) / RADIX);
  }

  end(index: number): number {
    return (this.#packed[index] as number) % RADIX;
  }
}

/**
 * Checks that the cells and free blocks of a tree page do not overlap, and that the bytes between them are as many as
 * the page says. SQLite reports any other page as malformed at its next insert there.
 * @param start offset of the page in `bytes`
 * @param base offset of the page's header in the page
 * @param usable bytes of the page that belong to the tree
 * @param taken the cells; the free blocks are added
 * @param number of the page
 * @throws RangeError
 */
export function checkSpace(
  bytes: Buffer,
  { start, base, usable, number }: { start: number; base: number; usable: number; number: number },
  taken: Extents,
): void {
  const header = start + base;
  const content = bytes.readUInt16BE(header + 5) || 65_536;
  let before = 0;
  for (let at = bytes.readUInt16BE(header + 1); at !== 0; ) {
    if (at < content || at > usable - MIN_EXTENT_BYTES || at <= before)
      throw new RangeError(`page ${number} has a damaged list of free space`);
    before = at;
    const size = bytes.readUInt16BE(start + at + 2);
    if (size < MIN_EXTENT_BYTES) throw new RangeError(`page ${number} has a damaged list of free space`);
    taken.add(at, at + size);
    at = bytes.readUInt16BE(start + at);
  }
  taken.sort();
  let fragments = 0;
  let end = content;
  for (let i = 0; i < taken.length; i++) {
    const at = taken.at(i);
    if (at < end) throw new RangeError(`page ${number} uses a byte twice`);
    fragments += at - end;
    // A smaller cell takes as much: it has to fit a free block once it is deleted.
    end = Math.max(taken.end(i), at + MIN_EXTENT_BYTES);
  }
  if (end > usable) throw new RangeError(`page ${number} has a cell past its end`);
  fragments += usable - end;
  if (taken.length > 0 && fragments !== bytes[header + 7])
    throw new RangeError(`page ${number} has ${fragments} bytes left over and says ${bytes[header + 7]}`);
}
