import { describe, expect, it } from "vitest";
import { bufferSource } from "../../../lib/profile/sources.ts";
import { checkSqlite } from "../../../lib/profile/sqlite/check.ts";
import { flipped, seeded } from "../support/random.ts";
import { smallSqlite, walBytes } from "../support/sqlite-bytes.ts";
import { rowsOf } from "../support/sqlite-rows.ts";

const [schema, table, free] = smallSqlite() as [Buffer, Buffer, Buffer];
const database = Buffer.concat([schema, table, free]);
const newTable = smallSqlite(["four", "five"])[1] as Buffer;
const twoCommits = [
  { page: 2, commit: 3, data: newTable },
  { page: 1, commit: 0, data: schema },
  { page: 2, commit: 3, data: table },
];

async function check(db: Buffer | undefined, wal?: Buffer): Promise<string> {
  const report = await checkSqlite(db && bufferSource(db), wal && bufferSource(wal));
  return [report.database, report.wal].filter(Boolean).join("; ");
}

describe("checkSqlite", () => {
  it("finds nothing wrong with a whole database, with and without a log", async () => {
    expect(await check(database)).toBe("");
    expect(await check(database, Buffer.alloc(0))).toBe("");
    expect(await check(database, walBytes([]))).toBe("");
    expect(await check(database, walBytes(twoCommits))).toBe("");
    // A young database: all of it is in the log.
    const all = [schema, table, free].map((data, i) => ({ page: i + 1, commit: i === 2 ? 3 : 0, data }));
    expect(await check(schema, walBytes(all))).toBe("");
    expect(await check(Buffer.alloc(0))).toBe("");
  });

  it("looks at no page of the database that its log carries", async () => {
    const malformed = flipped(database, 520, 7);
    expect(await check(malformed, walBytes(twoCommits))).toBe("");
    const others = [{ page: 1, commit: 3, data: schema }];
    expect(await check(malformed, walBytes(others))).toMatch(/page 2 is malformed/);
  });

  it.each<[string, Buffer | undefined, Buffer | undefined, RegExp]>([
    ["the database is missing", undefined, walBytes(twoCommits), /is missing/],
    ["the log is of an empty database", Buffer.alloc(0), walBytes(twoCommits), /it is empty, and SQLite throws/],
    ["it is cut", database.subarray(0, 1_024), undefined, /page 3 of 3 is missing/],
    [
      "it is cut and the log has not that page",
      database.subarray(0, 1_024),
      walBytes(twoCommits),
      /page 3 of 3 is missing/,
    ],
    ["its magic text is wrong", flipped(database, 3, 1), undefined, /magic/],
    ["a page is none", flipped(database, 512, 0), undefined, /page 2 is no tree page/],
    ["a cell points outside", flipped(database, 520, 7), undefined, /page 2 is malformed/],
    ["bytes of a page are not accounted for", flipped(database, 519, 0), undefined, /page 2 has 0 bytes left over/],
    ["its free space is damaged", flipped(database, 514, 7), undefined, /page 2 has a damaged list of free space/],
    ["its rows are out of order", flipped(database, 1_018, 1), undefined, /rows of page 2 are out of order/],
    ["its free list is wrong", flipped(database, 36, 1), undefined, /free list/],
    ["a page is used twice", flipped(database, 35, 0), undefined, /page 2 is used twice/],
    ["the log ends inside a frame", database, walBytes(twoCommits).subarray(0, -9), /ends inside a/],
    ["the log ends inside a transaction", database, walBytes(twoCommits.slice(0, 2)), /inside a transaction/],
    ["the log's checksum is wrong", database, flipped(walBytes(twoCommits), 700, 1), /wrong checksum/],
    ["the log's header is wrong", database, flipped(walBytes(twoCommits), 17, 1), /wrong checksum of its header/],
    ["the log is none", database, Buffer.alloc(600, 1), /magic/],
    [
      "the log has other pages",
      database,
      walBytes([{ page: 2, commit: 3, data: Buffer.alloc(1_024) }], { pageSize: 1_024 }),
      /page size/,
    ],
  ])("reports that %s", async (_name, db, wal, reason) => {
    expect(await check(db, wal)).toMatch(reason);
  });

  it("reports a flipped bit, or the rows can still be read", async () => {
    let found = 0;
    for (let at = 0; at < database.length; at++) {
      const bytes = flipped(database, at, at % 8);
      if (await check(bytes)) found++;
      // In the schema a flipped letter is another name, for SQLite as well.
      else if (at < 100 || at >= 512) expect(await rowsOf(bytes)).toHaveLength(3);
    }
    expect(found).toBeGreaterThan(100);
  });

  it("reports random bytes behind a valid header", async () => {
    const random = seeded(5);
    for (let i = 0; i < 500; i++) {
      const junk = Buffer.from(Array.from({ length: 1_536 }, () => Math.floor(random() * 256)));
      schema.copy(junk, 0, 0, 100);
      expect(await check(junk, i % 2 ? walBytes(twoCommits) : undefined)).not.toBe("");
    }
  });
});
