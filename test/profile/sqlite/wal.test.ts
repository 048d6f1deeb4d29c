import { describe, expect, it } from "vitest";
import { bufferSource } from "../../../lib/profile/sources.ts";
import { scanWal, WalScanner } from "../../../lib/profile/sqlite/wal.ts";
import { flipped } from "../support/random.ts";
import { smallSqlite, walBytes } from "../support/sqlite-bytes.ts";

const [schema, table, free] = smallSqlite() as [Buffer, Buffer, Buffer];
const newTable = smallSqlite(["four", "five"])[1] as Buffer;
const twoCommits = [
  { page: 2, commit: 3, data: newTable },
  { page: 1, commit: 0, data: schema },
  { page: 2, commit: 3, data: table },
];

describe("scanWal", () => {
  it.each([false, true])("finds the commits (words big-endian: %s)", async (big) => {
    const wal = walBytes(twoCommits, { big });
    const report = await scanWal(bufferSource(wal));
    expect(report).toMatchObject({ end: wal.length, pages: 3, pageSize: 512, reason: "" });
    expect([...report.carried.keys()].sort()).toEqual([1, 2]);
  });

  it("ends at the last commit, at every truncation", async () => {
    const wal = walBytes(twoCommits);
    const ends = [0, 32 + 536, wal.length];
    for (let length = 0; length < wal.length; length++) {
      const report = await scanWal(bufferSource(wal.subarray(0, length)));
      expect(report.end).toBe(Math.max(...ends.filter((end) => end <= length)));
      expect(report.reason === "").toBe([0, 32, 32 + 536].includes(length));
    }
  });

  it("stops at the first flipped bit", async () => {
    const wal = walBytes(twoCommits);
    for (let at = 0; at < wal.length; at++) {
      const report = await scanWal(bufferSource(flipped(wal, at, at % 8)));
      expect(report.end, `byte ${at}`).toBe(at < 32 + 536 ? 0 : 32 + 536);
    }
  });

  it("ignores frames from before the log was reset", async () => {
    const earlier = walBytes([...twoCommits, ...twoCommits], { salt: 3 });
    const wal = walBytes(twoCommits.slice(0, 1), { salt: 4 });
    const report = await scanWal(bufferSource(Buffer.concat([wal, earlier.subarray(wal.length)])));
    expect(report).toMatchObject({ end: wal.length, reason: "" });
  });
});

describe("WalScanner", () => {
  it("goes on where it stopped when more has been written", () => {
    const wal = walBytes(twoCommits);
    const scanner = new WalScanner();
    for (let length = 0; length <= wal.length; length += 7) scanner.feed(wal.subarray(scanner.next, length));
    scanner.feed(wal.subarray(scanner.next));
    expect(scanner.report()).toMatchObject({ end: wal.length, reason: "" });
  });
});

describe("WalScanner.clone", () => {
  it("goes on with a transaction that had not committed, and leaves the first one as it is", () => {
    const open = [
      { page: 2, commit: 3, data: newTable },
      { page: 1, commit: 0, data: schema },
    ];
    const wal = walBytes([...open, { page: 3, commit: 3, data: free }]);
    const scanner = new WalScanner();
    scanner.feed(walBytes(open));
    const clone = scanner.clone();
    expect(clone.report()).toEqual(scanner.report());
    clone.feed(wal.subarray(clone.next));
    expect(clone.report()).toMatchObject({ end: wal.length, reason: "" });
    expect([...clone.report().carried.keys()].sort()).toEqual([1, 2, 3]);
    expect(scanner.report()).toMatchObject({ end: 568, reason: "ends inside a transaction" });
    scanner.feed(wal.subarray(scanner.next));
    expect(scanner.report()).toEqual(clone.report());
    // A rollback is seen as well.
    const other = walBytes(twoCommits.slice(0, 1));
    const rolledBack = new WalScanner();
    rolledBack.feed(walBytes(open));
    const later = rolledBack.clone();
    later.recheck((at, length) => other.subarray(at, at + length));
    expect([later.end, later.next]).toEqual([568, 568]);
  });
});

describe("WalScanner.recheck", () => {
  const open = [
    { page: 2, commit: 3, data: newTable },
    { page: 1, commit: 0, data: schema },
    { page: 2, commit: 0, data: newTable },
  ];
  const later = [
    { page: 3, commit: 0, data: free },
    { page: 2, commit: 3, data: table },
  ];

  /** Feeds all of `first`, then rechecks and feeds when the file holds `then`. */
  function rescanned(first: Buffer, then: Buffer): WalScanner {
    const scanner = new WalScanner();
    scanner.feed(first);
    scanner.recheck((at, length) => then.subarray(at, at + length));
    scanner.feed(then.subarray(scanner.next));
    return scanner;
  }

  it("rewinds to the last commit when an open transaction was rolled back and overwritten", () => {
    const then = walBytes([...open.slice(0, 1), ...later]);
    const { end, reason, carried } = rescanned(walBytes(open), then).report();
    expect({ end, reason, pages: [...carried.keys()] }).toEqual({ end: then.length, reason: "", pages: [2, 3] });
    // A shorter one leaves frames of the first behind it: their checksums do not go on from its own.
    const shorter = walBytes([...open.slice(0, 1), ...later.slice(1)]);
    const behind = Buffer.concat([shorter, walBytes(open).subarray(shorter.length)]);
    expect(rescanned(walBytes(open), behind).report().end).toBe(shorter.length);
  });

  it("rewinds when a page of an open transaction was overwritten, with new checksums", () => {
    const then = walBytes([...open.slice(0, 2), { page: 2, commit: 0, data: table }, ...later]);
    expect(rescanned(walBytes(open), then).report()).toMatchObject({ end: then.length, reason: "" });
  });

  it("goes on when no frame was overwritten", () => {
    const scanner = rescanned(walBytes(open), walBytes([...open, ...later]));
    expect(scanner.report()).toMatchObject({ end: walBytes([...open, ...later]).length, reason: "" });
    scanner.recheck(() => {
      throw new Error("there is nothing to look at again");
    });
  });

  it("rewinds when the log now ends at its last commit", () => {
    const scanner = rescanned(walBytes(open), walBytes(open.slice(0, 1)));
    expect([scanner.end, scanner.next]).toEqual([568, 568]);
    expect(rescanned(walBytes(open.slice(1)), walBytes([])).next).toBe(32);
  });
});
