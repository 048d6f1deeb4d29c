// SQLite's own fileformat2.html, "B-tree Pages".
const SMALLEST = 4;

/** Where a cell or a free block lies in its page. */
export interface Extent {
  readonly at: number;
  readonly end: number;
}

/**
 * Checks that the cells and free blocks of a tree page do not overlap, and that what is between them is as much as the
 * page says. SQLite calls a page malformed when it finds otherwise, at the next row that it puts there.
 * @param base where the page's header begins.
 * @param usable bytes of the page that are the tree's.
 * @throws RangeError
 */
export function checkSpace(page: Buffer, base: number, usable: number, cells: readonly Extent[], name: string): void {
  const content = page.readUInt16BE(base + 5) || 65_536;
  // No cell is smaller: it has to become a free block one day.
  const taken = cells.map(({ at, end }) => ({ at, end: Math.max(end, at + SMALLEST) }));
  let before = 0;
  for (let at = page.readUInt16BE(base + 1); at !== 0; ) {
    if (at < content || at > usable - SMALLEST || at <= before)
      throw new RangeError(`${name} has a damaged list of free space`);
    before = at;
    taken.push({ at, end: at + page.readUInt16BE(at + 2) });
    if (page.readUInt16BE(at + 2) < SMALLEST) throw new RangeError(`${name} has a damaged list of free space`);
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
