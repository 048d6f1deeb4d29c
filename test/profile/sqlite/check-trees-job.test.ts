import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bufferSource } from "../../../lib/profile/sources.ts";
import { type FilePart, job } from "../../../lib/profile/sqlite/check-trees-job.ts";
import { scanWal } from "../../../lib/profile/sqlite/wal.ts";
import { useFolder } from "../../support/folder.ts";
import { flipped } from "../support/random.ts";
import { smallSqlite, walBytes } from "../support/sqlite-bytes.ts";

const [schema, table, free] = smallSqlite() as [Buffer, Buffer, Buffer];
const database = Buffer.concat([schema, table, free]);
const newTable = smallSqlite(["four", "five"])[1] as Buffer;
const wal = walBytes([
  { page: 2, commit: 3, data: newTable },
  { page: 2, commit: 3, data: table },
]);
const folder = useFolder();

/** @param walParts where the log is cut into parts; they lie in one file, not in their order */
async function check(db: Buffer, log?: Buffer, walParts: readonly number[] = [], isStopped = false): Promise<unknown> {
  const path = join(folder(), "file");
  const cuts = [0, ...walParts, log?.length ?? 0];
  const parts = log ? cuts.slice(1).map((end, index) => log.subarray(cuts[index], end)) : [];
  await writeFile(path, Buffer.concat([Buffer.alloc(100, 1), ...parts.toReversed(), db]));
  const handle = await open(path);
  try {
    const end = 100 + (log?.length ?? 0);
    const placed = parts.map((part, index): FilePart => {
      const before = parts.slice(index + 1).reduce((sum, { length }) => sum + length, 0);
      return { fd: handle.fd, position: 100 + before, size: part.length };
    });
    const stop = new SharedArrayBuffer(4);
    if (isStopped) Atomics.store(new Int32Array(stop), 0, 1);
    const report = log && (await scanWal(bufferSource(log)));
    return await job.run({ database: { fd: handle.fd, position: end, size: db.length }, wal: placed, report, stop });
  } finally {
    await handle.close();
  }
}

it("finds nothing wrong with a whole database, with its log in one part or in several", async () => {
  expect(await check(database)).toEqual({ problem: undefined });
  expect(await check(database, wal)).toEqual({ problem: undefined });
  expect(await check(database, wal, [40, 700])).toEqual({ problem: undefined });
});

it("finds what is wrong in the file, and what only its log makes whole", async () => {
  const damaged = flipped(database, 512, 0);
  expect(await check(damaged)).toEqual({ problem: "page 2 is no tree page" });
  expect(await check(damaged, wal, [600])).toEqual({ problem: undefined });
  expect(await check(Buffer.concat([schema, table]))).toEqual({ problem: expect.stringContaining("page 3") });
});

it("rejects when it is stopped, and when a file has become shorter", async () => {
  await expect(check(database, wal, [], true)).rejects.toThrow("the check was stopped");
  const path = join(folder(), "short");
  await writeFile(path, database.subarray(0, 600));
  const handle = await open(path);
  const input = { wal: [], report: undefined, stop: new SharedArrayBuffer(4) };
  const part = { fd: handle.fd, position: 0, size: database.length };
  await expect((async () => job.run({ ...input, database: part }))()).rejects.toThrow("the file has become shorter");
  await handle.close();
});
