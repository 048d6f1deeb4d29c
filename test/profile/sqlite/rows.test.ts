import { describe, expect, it } from "vitest";
import { smallSqlite, walBytes } from "../support/sqlite-bytes.ts";
import { rowsOf } from "../support/sqlite-rows.ts";

const database = Buffer.concat(smallSqlite());
const newTable = smallSqlite(["four", "five"])[1] as Buffer;

describe("readRows", () => {
  it("reads a table as the database and its log hold it", async () => {
    expect(await rowsOf(database)).toEqual([["one"], ["two"], ["three"]]);
    expect(await rowsOf(database, walBytes([{ page: 2, commit: 3, data: newTable }]))).toEqual([["four"], ["five"]]);
  });
});
