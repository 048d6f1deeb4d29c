import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bufferSource } from "../../../lib/profile/sources.ts";
import { checkSqlite } from "../../../lib/profile/sqlite/check.ts";
import { useFolder } from "../../support/folder.ts";
import { suiteWith } from "../../support/services/suite.ts";
import { findSqlite } from "../support/sqlite-engine.ts";

// Trees of several levels, payloads of several pages and a free list, as SQLite wrote them, and damage that shows only
// in how pages refer to one another: each page by itself is well-formed.

const SQL = (pageSize: number): string => `
  PRAGMA page_size = ${pageSize};
  CREATE TABLE t (id INTEGER PRIMARY KEY, a BLOB, b BLOB); CREATE UNIQUE INDEX i ON t (a);
  WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1500)
    INSERT INTO t SELECT n - 20, randomblob(20 + n % 90), zeroblob(CASE n % 50 WHEN 0 THEN 9000 ELSE n % 200 END) FROM c;
  DELETE FROM t WHERE id BETWEEN 700 AND 1200;
`;
const INTERIOR_TABLE = 5;
const LEAF_INDEX = 10;
const LEAF_TABLE = 13;
const newFolder = useFolder();

await suiteWith("the trees of a SQLite database", findSqlite, (sqlite) => {
  async function written(pageSize: number): Promise<Buffer> {
    const path = join(newFolder(), "database");
    await sqlite.ask(path, SQL(pageSize));
    return await readFile(path);
  }

  async function check(bytes: Buffer): Promise<string | undefined> {
    return (await checkSqlite(bufferSource(bytes), undefined)).database;
  }

  /** Pages of a kind, with more than one cell, by number. */
  function pagesOf(bytes: Buffer, pageSize: number, kind: number): { number: number; page: Buffer }[] {
    return Array.from({ length: bytes.length / pageSize - 1 }, (_, index) => index + 2)
      .map((number) => ({ number, page: bytes.subarray((number - 1) * pageSize, number * pageSize) }))
      .filter(({ page }) => page[0] === kind && page.readUInt16BE(3) > 1);
  }

  /** Positions of the last two cells of an interior page: the first rows have negative keys, whose order is not told. */
  function cellsOf(page: Buffer): [number, number] {
    const end = 12 + 2 * page.readUInt16BE(3);
    return [page.readUInt16BE(end - 4), page.readUInt16BE(end - 2)];
  }

  it.each([512, 4_096])("are sound as SQLite wrote them (pages of %i bytes)", async (pageSize) => {
    const bytes = await written(pageSize);
    expect(bytes.readUInt32BE(36)).toBeGreaterThan(5);
    expect(pagesOf(bytes, pageSize, INTERIOR_TABLE).length).toBeGreaterThan(0);
    expect(await check(bytes)).toBeUndefined();
  });

  it.each<[string, RegExp, (bytes: Buffer, pageSize: number) => void]>([
    [
      "two children of a page have changed places",
      /rows of page \d+ are out of order/,
      (bytes, pageSize) => {
        const { page } = pagesOf(bytes, pageSize, INTERIOR_TABLE)[0] ?? {};
        if (page === undefined) throw new Error("no interior page");
        const [one, two] = cellsOf(page);
        const [first, second] = [page.readUInt32BE(one), page.readUInt32BE(two)];
        page.writeUInt32BE(second, one);
        page.writeUInt32BE(first, two);
      },
    ],
    [
      "a page has the same child twice",
      /is used twice/,
      (bytes, pageSize) => {
        const { page } = pagesOf(bytes, pageSize, INTERIOR_TABLE)[0] ?? {};
        if (page === undefined) throw new Error("no interior page");
        const [one, two] = cellsOf(page);
        page.writeUInt32BE(page.readUInt32BE(one), two);
      },
    ],
    [
      "a page has a child of another tree",
      /is of another tree/,
      (bytes, pageSize) => {
        const { page } = pagesOf(bytes, pageSize, INTERIOR_TABLE)[0] ?? {};
        const leaf = pagesOf(bytes, pageSize, LEAF_INDEX)[0]?.number;
        if (page === undefined || leaf === undefined) throw new Error("no such page");
        page.writeUInt32BE(leaf, cellsOf(page)[0]);
      },
    ],
    [
      "a child is past the end",
      /it refers to page 4294967295 of/,
      (bytes, pageSize) => {
        const { page } = pagesOf(bytes, pageSize, INTERIOR_TABLE)[0] ?? {};
        page?.writeUInt32BE(0xffffffff, 8);
      },
    ],
    [
      "a value goes on in a page of a tree",
      /is used twice|is longer than it says|it refers to page|is no tree page/,
      (bytes, pageSize) => {
        const next = overflowOf(bytes, pageSize);
        bytes.writeUInt32BE(2, (next - 1) * pageSize);
      },
    ],
    [
      "a value ends too early",
      /it refers to page 0 of/,
      (bytes, pageSize) => {
        bytes.writeUInt32BE(0, (overflowOf(bytes, pageSize) - 1) * pageSize);
      },
    ],
  ])("are reported when %s", async (_name, reason, damage) => {
    for (const pageSize of [512, 4_096]) {
      const bytes = await written(pageSize);
      damage(bytes, pageSize);
      expect(await check(bytes)).toMatch(reason);
    }
  });

  /** The first page where a value of the table goes on; the value needs more than one. */
  function overflowOf(bytes: Buffer, pageSize: number): number {
    for (const { page } of pagesOf(bytes, pageSize, LEAF_TABLE)) {
      const count = page.readUInt16BE(3);
      for (let i = 0; i < count; i++) {
        const at = page.readUInt16BE(8 + 2 * i);
        // A size of two bytes, the second below 128: from 8,192 on it is a value of 9,000 bytes.
        const size = ((page[at] as number) & 0x7f) * 128 + (page[at + 1] as number);
        if ((page[at] as number) < 0x80 || (page[at + 1] as number) >= 0x80 || size < 8_192) continue;
        const key = (page[at + 2] as number) < 0x80 ? 1 : 2;
        const least = Math.floor(((pageSize - 12) * 32) / 255) - 23;
        const fit = least + ((size - least) % (pageSize - 4));
        const local = fit <= pageSize - 35 ? fit : least;
        return page.readUInt32BE(at + 2 + key + local);
      }
    }
    throw new Error("no value goes on in another page");
  }
});
