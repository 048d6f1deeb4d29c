import { bufferSource } from "../../../lib/profile/sources.ts";
import { openPages } from "../../../lib/profile/sqlite/pages.ts";
import { readRows } from "../../../lib/profile/sqlite/rows.ts";
import { scanWal } from "../../../lib/profile/sqlite/wal.ts";

/** The rows of table `t`, as a database and its log hold them. */
export async function rowsOf(database: Buffer, wal?: Buffer): Promise<unknown[]> {
  const log = wal && bufferSource(wal);
  const pages = await openPages(bufferSource(database), log, log && (await scanWal(log)));
  if (typeof pages !== "object") throw new Error(String(pages));
  return await readRows(pages, "t");
}
