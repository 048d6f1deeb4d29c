// SQLite's own fileformat2.html, "B-tree Pages".
const MIN_EXTENT_BYTES = 4;

/** The bytes of a page that a cell or a free block takes: from `at` up to `end`. */
export interface Extent {
  readonly at: number;
  readonly end: number;
}

/**
 * Checks that the cells and free blocks of a tree page do not overlap, and that the bytes between them are as many as
 * the page says. SQLite reports any other page as malformed at its next insert there.
 * @param base offset of the page's header
 * @param usable bytes of the page that belong to the tree
 * @throws RangeError
 */
export function checkSpace(page: Buffer, base: number, usable: number, cells: readonly Extent[], name: string): void {
  const content = page.readUInt16BE(base + 5) || 65_536;
  // A smaller cell takes as much: it has to fit a free block once it is deleted.
  const taken = cells.map(({ at, end }) => ({ at, end: Math.max(end, at + MIN_EXTENT_BYTES) }));
  let before = 0;
  for (let at = page.readUInt16BE(base + 1); at !== 0; ) {
    if (at < content || at > usable - MIN_EXTENT_BYTES || at <= before)
      throw new RangeError(`${name} has a damaged list of free space`);
    before = at;
    taken.push({ at, end: at + page.readUInt16BE(at + 2) });
    if (page.readUInt16BE(at + 2) < MIN_EXTENT_BYTES) throw new RangeError(`${name} has a damaged list of free space`);
    at = page.readUInt16BE(at);
  }
  taken.sort((a, b) => a.at - b.at);
  let fragments = 0;
  let end = content;
  for (const extent of taken) {
    if (extent.at < end) throw new RangeError(`${name} uses a byte twice`);
    fragments += extent.at - end;
    end = extent.end;
  }
  if (end > usable) throw new RangeError(`${name} has a cell past its end`);
  fragments += usable - end;
  if (taken.length > 0 && fragments !== page[base + 7])
    throw new RangeError(`${name} has ${fragments} bytes left over and says ${page[base + 7]}`);
}
