import { describe, expect, it } from "vitest";
import { bufferSource } from "../../../lib/profile/sources.ts";
import { openPages } from "../../../lib/profile/sqlite/pages.ts";
import { checkTrees } from "../../../lib/profile/sqlite/tree.ts";
import { interiorPage, leafPage, number32, rowCell, smallSqlite, varint } from "../support/sqlite-bytes.ts";

const PAGE_BYTES = 512;
/** Bytes of a payload that a page of its own holds. */
const PART_BYTES = PAGE_BYTES - 4;

/** What is wrong with a database whose only table is at page 2. @param rest its pages from the second on */
async function check(rest: readonly Buffer[]): Promise<string | undefined> {
  const schema = Buffer.from(smallSqlite()[0] as Buffer);
  schema.writeUInt32BE(1 + rest.length, 28);
  // No page is free.
  schema.fill(0, 32, 40);
  const pages = await openPages(bufferSource(Buffer.concat([schema, ...rest])), undefined, undefined);
  return typeof pages === "object" ? await checkTrees(pages) : pages;
}

/** A leaf with one row, of one empty text. */
function leaf(key: number): Buffer {
  return leafPage([rowCell(key, Buffer.from([2, 13]))]);
}

describe("checkTrees", () => {
  it("reports a tree whose leaves are not all as deep", async () => {
    expect(await check([interiorPage([[3, 1]], 4), leaf(1), leaf(2)])).toBeUndefined();
    const deeper = interiorPage([[5, 2]], 6);
    const even = interiorPage([[7, 1]], 8);
    expect(await check([interiorPage([[3, 1]], 4), leaf(1), deeper, leaf(2), leaf(3)])).toBe(
      "the tree at page 2 is uneven",
    );
    const leaves = [leaf(2), leaf(3), leaf(0), leaf(1)];
    expect(await check([interiorPage([[3, 1]], 4), even, deeper, ...leaves])).toBeUndefined();
  });

  describe("of a value that goes on in another page", () => {
    /** As many bytes lie in the page of the row when a value is longer by whole pages. */
    const LOCAL_BYTES = 95;

    /** A leaf with a row of so many bytes, of which all beyond the first goes on at page 3. */
    function longRow(size: number): Buffer {
      // The type of its only column, a blob, tells its length.
      const typeOf = (headerBytes: number): Buffer => varint(12 + 2 * (size - headerBytes));
      const headerBytes = 1 + typeOf(0).length;
      const local = Buffer.alloc(LOCAL_BYTES);
      local[0] = headerBytes;
      typeOf(headerBytes).copy(local, 1);
      return leafPage([rowCell(1, Buffer.concat([local, number32(3)]), size)]);
    }

    function part(next: number): Buffer {
      return Buffer.concat([number32(next), Buffer.alloc(PART_BYTES, 1)]);
    }

    it("reports one that ends too early or too late", async () => {
      const row = longRow(LOCAL_BYTES + PART_BYTES);
      expect(await check([row, part(0)])).toBeUndefined();
      expect(await check([row, part(4), part(0)])).toBe("a value of page 2 is longer than it says");
      const longer = longRow(LOCAL_BYTES + 2 * PART_BYTES);
      expect(await check([longer, part(4), part(0)])).toBeUndefined();
      expect(await check([longer, part(0)])).toBe("it refers to page 0 of 3");
    });

    it("reports one that is larger than SQLite can read", async () => {
      // Cut to 32 bits, its pages would be as many as there are.
      const size = LOCAL_BYTES + (2 ** 32 + 1) * PART_BYTES;
      expect(await check([longRow(size), part(0)])).toBe("a row of page 2 is too large");
    });
  });
});
