import { describe, expect, it } from "vitest";
import { bufferSource } from "../../../lib/profile/sources.ts";
import { openPages } from "../../../lib/profile/sqlite/pages.ts";
import { scanWal } from "../../../lib/profile/sqlite/wal.ts";
import { smallSqlite, walBytes } from "../support/sqlite-bytes.ts";

const [schema, , free] = smallSqlite() as [Buffer, Buffer, Buffer];

describe("openPages", () => {
  it("does without the page at the first gibibyte, which SQLite never writes", async () => {
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
});
