import { describe, expect, it } from "vitest";
import { bufferSource } from "../../../lib/profile/source.ts";
import { checkSqlite, openPages, scanWal } from "../../../lib/profile/sqlite/check.ts";
import { checkSpace } from "../../../lib/profile/sqlite/page-space.ts";
import { readRows } from "../../../lib/profile/sqlite/tree.ts";
import { WalScanner } from "../../../lib/profile/sqlite/wal.ts";
import { flipped, seeded } from "../support/random.ts";
import { smallSqlite, walBytes } from "../support/sqlite-bytes.ts";

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

describe("scanWal", () => {
  it.each([false, true])("reads commits (words big-endian: %s)", async (big) => {
    const wal = walBytes(twoCommits, { big });
    const report = await scanWal(bufferSource(wal));
    expect(report).toMatchObject({ end: wal.length, pages: 3, pageSize: 512, tail: "whole" });
    expect([...report.carried.keys()].sort()).toEqual([1, 2]);
  });

  it("ends at the last commit, at every truncation", async () => {
    const wal = walBytes(twoCommits);
    const ends = [0, 32 + 536, wal.length];
    for (let length = 0; length < wal.length; length++) {
      const report = await scanWal(bufferSource(wal.subarray(0, length)));
      expect(report.end).toBe(Math.max(...ends.filter((end) => end <= length)));
      expect(report.tail).toBe([0, 32, 32 + 536].includes(length) ? "whole" : "partial");
    }
  });

  it("stops at the first flipped bit", async () => {
    const wal = walBytes(twoCommits);
    for (let at = 0; at < wal.length; at++) {
      const report = await scanWal(bufferSource(flipped(wal, at, at % 8)));
      expect(report.end, `byte ${at}`).toBe(at < 32 + 536 ? 0 : 32 + 536);
    }
  });

  it("does not look at frames of an earlier round", async () => {
    const earlier = walBytes([...twoCommits, ...twoCommits], { salt: 3 });
    const wal = walBytes(twoCommits.slice(0, 1), { salt: 4 });
    const report = await scanWal(bufferSource(Buffer.concat([wal, earlier.subarray(wal.length)])));
    expect(report).toMatchObject({ end: wal.length, tail: "whole" });
  });

  it("goes on where it was when more has been written", () => {
    const wal = walBytes(twoCommits);
    const scanner = new WalScanner();
    for (let length = 0; length <= wal.length; length += 7) scanner.feed(wal.subarray(scanner.next, length));
    scanner.feed(wal.subarray(scanner.next));
    expect(scanner.report()).toMatchObject({ end: wal.length, tail: "whole" });
  });
});

describe("a log whose last transaction is not ended", () => {
  const open = [
    { page: 2, commit: 3, data: newTable },
    { page: 1, commit: 0, data: schema },
    { page: 2, commit: 0, data: newTable },
  ];
  const later = [
    { page: 3, commit: 0, data: free },
    { page: 2, commit: 3, data: table },
  ];

  /** Feeds all of `first`, then looks again when the file holds `then`. */
  function rescanned(first: Buffer, then: Buffer): WalScanner {
    const scanner = new WalScanner();
    scanner.feed(first);
    scanner.recheck((at, length) => then.subarray(at, at + length));
    scanner.feed(then.subarray(scanner.next));
    return scanner;
  }

  it("is read again when that was rolled back and others have taken its place", () => {
    const then = walBytes([...open.slice(0, 1), ...later]);
    const { end, tail, carried } = rescanned(walBytes(open), then).report();
    expect({ end, tail, pages: [...carried.keys()] }).toEqual({ end: then.length, tail: "whole", pages: [2, 3] });
    // A shorter one leaves frames of the first behind it: their checksums do not go on from its own.
    const shorter = walBytes([...open.slice(0, 1), ...later.slice(1)]);
    const behind = Buffer.concat([shorter, walBytes(open).subarray(shorter.length)]);
    expect(rescanned(walBytes(open), behind).report().end).toBe(shorter.length);
  });

  it("is read again when one of its pages was written over, and all have new checksums", () => {
    const then = walBytes([...open.slice(0, 2), { page: 2, commit: 0, data: table }, ...later]);
    expect(rescanned(walBytes(open), then).report()).toMatchObject({ end: then.length, tail: "whole" });
  });

  it("goes on when it was not touched", () => {
    const scanner = rescanned(walBytes(open), walBytes([...open, ...later]));
    expect(scanner.report()).toMatchObject({ end: walBytes([...open, ...later]).length, tail: "whole" });
    scanner.recheck(() => {
      throw new Error("there is nothing to look at again");
    });
  });

  it("ends at its last commit when the rest is gone", () => {
    const scanner = rescanned(walBytes(open), walBytes(open.slice(0, 1)));
    expect([scanner.end, scanner.next]).toEqual([568, 568]);
    expect(rescanned(walBytes(open.slice(1)), walBytes([])).next).toBe(32);
  });
});

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
  ])("says that %s", async (_name, db, wal, reason) => {
    expect(await check(db, wal)).toMatch(reason);
  });

  it("does not look for the page at the first gibibyte, which is never written", async () => {
    const lock = 2 ** 30 / 512 + 1;
    const grown = Buffer.from(schema);
    grown.writeUInt32BE(lock + 1, 28);
    const wal = walBytes([
      { page: 1, commit: 0, data: grown },
      { page: lock + 1, commit: lock + 1, data: free },
    ]);
    const large = { size: 2 ** 30, read: async () => Buffer.alloc(512) };
    const pages = await openPages(large, bufferSource(wal), await scanWal(bufferSource(wal)));
    expect(pages).toMatchObject({ count: lock + 1 });
    const smaller = { ...large, size: 2 ** 30 - 512 };
    const missing = await openPages(smaller, bufferSource(wal), await scanWal(bufferSource(wal)));
    expect(missing).toBe(`page ${lock - 1} of ${lock + 1} is missing`);
  });

  it("of a flipped bit says what is wrong, or the rows can be read", async () => {
    let found = 0;
    for (let at = 0; at < database.length; at++) {
      const bytes = flipped(database, at, at % 8);
      if (await check(bytes)) found++;
      // In the schema a turned letter is another name, for SQLite as well.
      else if (at < 100 || at >= 512) expect(await rows(bytes)).toHaveLength(3);
    }
    expect(found).toBeGreaterThan(100);
  });

  it("refuses any bytes behind a good header", async () => {
    const random = seeded(5);
    for (let i = 0; i < 500; i++) {
      const junk = Buffer.from(Array.from({ length: 1_536 }, () => Math.floor(random() * 256)));
      schema.copy(junk, 0, 0, 100);
      expect(await check(junk, i % 2 ? walBytes(twoCommits) : undefined)).not.toBe("");
    }
  });
});

async function rows(db: Buffer, wal?: Buffer): Promise<unknown[]> {
  const log = wal && bufferSource(wal);
  const pages = await openPages(bufferSource(db), log, log && (await scanWal(log)));
  if (typeof pages !== "object") throw new Error(String(pages));
  return await readRows(pages, "t");
}

describe("checkSpace", () => {
  const page = Buffer.from(newTable);
  page.writeUInt16BE(480, 5);

  it("takes cells with a few bytes left over between them", () => {
    const cells = [
      { at: 505, end: 512 },
      { at: 480, end: 503 },
    ];
    page[7] = 2;
    expect(() => checkSpace(page, 0, 512, cells, "page 2")).not.toThrow();
  });

  it.each([
    ["uses a byte twice", 480, 506],
    ["uses a byte twice", 470, 505],
    ["has a cell past its end", 480, 513],
  ])("says that a page %s", (reason, at, end) => {
    const cells =
      end > 512
        ? [{ at, end }]
        : [
            { at, end },
            { at: 505, end: 512 },
          ];
    expect(() => checkSpace(page, 0, 512, cells, "page 2")).toThrow(reason);
  });
});

describe("readRows", () => {
  it("reads a table as the log has it", async () => {
    expect(await rows(database)).toEqual([["one"], ["two"], ["three"]]);
    expect(await rows(database, walBytes(twoCommits.slice(0, 1)))).toEqual([["four"], ["five"]]);
  });
});
