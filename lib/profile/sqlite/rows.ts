import { PageSet } from "./page-set.ts";
import type { SqlitePages } from "./pages.ts";
import { decodeRecord, type SqliteValue } from "./record.ts";
import { TreePageReader } from "./tree-page.ts";

/** A schema row: type, name, table, root page, SQL. */
const ROOT_COLUMN = 3;

/** A table or index of a database. */
export interface SqliteEntry {
  readonly name: string;
  /** Its first page; 0 for an entry without pages. */
  readonly root: number;
}

/** @throws RangeError when the schema is malformed */
export async function readSchema(pages: SqlitePages): Promise<SqliteEntry[]> {
  return (await rowsOfTree(pages, 1)).map((row) => {
    const [name, root] = [row[1], row[ROOT_COLUMN]];
    if (typeof name !== "string") throw new RangeError("its schema is malformed");
    return { name, root: typeof root === "number" ? root : 0 };
  });
}

/**
 * The rows of a table, in the order of its key; none when there is no such table.
 * @throws RangeError when the database is malformed
 */
export async function readRows(pages: SqlitePages, table: string): Promise<SqliteValue[][]> {
  const entry = (await readSchema(pages)).find(({ name }) => name === table);
  return entry ? await rowsOfTree(pages, entry.root) : [];
}

/** A payload in its page, and the page where it goes on; 0 for none. */
interface Payload {
  readonly local: Buffer;
  readonly size: number;
  readonly overflow: number;
}

/** The rows of the tree at page `root`, read page by page. */
async function rowsOfTree(pages: SqlitePages, root: number): Promise<SqliteValue[][]> {
  const reader = new TreePageReader(pages.header);
  const used = new PageSet(pages.count);
  const rows: SqliteValue[][] = [];
  const stack = [root];
  for (let number = stack.pop(); number !== undefined; number = stack.pop()) {
    used.claim(number);
    const page = await pages.page(number);
    const form = reader.formOf(page, 0, number);
    if (form === undefined) throw new RangeError(`page ${number} is no tree page`);
    const children: number[] = [];
    const payloads: Payload[] = [];
    reader.read(page, 0, number, form, {
      onChild: (child) => children.push(child),
      onPayload: (from, local, size, overflow) =>
        payloads.push({ local: page.subarray(from, from + local), size, overflow }),
    });
    for (const payload of payloads) rows.push(decodeRecord(await wholeOf(payload, pages, used, reader.usable)));
    stack.push(...children.reverse());
  }
  return rows;
}

async function wholeOf(
  { local, size, overflow }: Payload,
  pages: SqlitePages,
  used: PageSet,
  usable: number,
): Promise<Buffer> {
  if (local.length === size) return local;
  const parts = [local];
  let rest = size - local.length;
  for (let next = overflow; rest > 0; ) {
    used.claim(next);
    const page = await pages.page(next);
    const length = Math.min(rest, usable - 4);
    parts.push(page.subarray(4, 4 + length));
    rest -= length;
    next = page.readUInt32BE(0);
  }
  return Buffer.concat(parts);
}
