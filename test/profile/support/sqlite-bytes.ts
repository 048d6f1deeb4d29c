const INTERIOR_TABLE = 5;
const LEAF_TABLE = 13;

/** A frame of a write-ahead log to be built. */
export interface Frame {
  page: number;
  /** Pages of the database after this frame when it commits; 0 when it does not. */
  commit: number;
  data: Buffer;
}

/** The bytes of a write-ahead log. */
export function walBytes(
  frames: readonly Frame[],
  options: { pageSize?: number; big?: boolean; salt?: number } = {},
): Buffer {
  const { pageSize = 512, big = false, salt = 7 } = options;
  const header = Buffer.alloc(32);
  header.writeUInt32BE(big ? 0x377f0683 : 0x377f0682, 0);
  header.writeUInt32BE(3_007_000, 4);
  header.writeUInt32BE(pageSize, 8);
  header.writeUInt32BE(salt, 16);
  header.writeUInt32BE(salt * 31, 20);
  let sum = checksum(header.subarray(0, 24), [0, 0], big);
  header.writeUInt32BE(sum[0], 24);
  header.writeUInt32BE(sum[1], 28);
  const parts: Buffer[] = [header];
  for (const { page, commit, data } of frames) {
    const head = Buffer.alloc(24);
    head.writeUInt32BE(page, 0);
    head.writeUInt32BE(commit, 4);
    header.copy(head, 8, 16, 24);
    sum = checksum(data, checksum(head.subarray(0, 8), sum, big), big);
    head.writeUInt32BE(sum[0], 16);
    head.writeUInt32BE(sum[1], 20);
    parts.push(head, data);
  }
  return Buffer.concat(parts);
}

type Sum = [number, number];

function checksum(bytes: Buffer, [first, second]: Sum, big: boolean): Sum {
  let [s0, s1] = [first, second];
  for (let at = 0; at < bytes.length; at += 8) {
    s0 = (s0 + (big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)) + s1) >>> 0;
    s1 = (s1 + (big ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4)) + s0) >>> 0;
  }
  return [s0, s1];
}

/** A database of three pages of 512 bytes: the schema, a table `t` with `rows`, and a free page. */
export function smallSqlite(rows: readonly string[] = ["one", "two", "three"]): Buffer[] {
  const schema = Buffer.alloc(512);
  Buffer.from("SQLite format 3\0").copy(schema);
  schema.writeUInt16BE(512, 16);
  schema.set([2, 2, 0, 64, 32, 32], 18);
  schema.writeUInt32BE(5, 24);
  schema.writeUInt32BE(3, 28);
  schema.writeUInt32BE(3, 32);
  schema.writeUInt32BE(1, 36);
  schema.writeUInt32BE(4, 44);
  schema.writeUInt32BE(1, 56);
  schema.writeUInt32BE(5, 92);
  schema.writeUInt32BE(3_045_000, 96);
  leaf(schema, 100, [record(["table", "t", "t", 2, "CREATE TABLE t(x)"])]);
  const table = Buffer.alloc(512);
  leaf(
    table,
    0,
    rows.map((row) => record([row])),
  );
  return [schema, table, Buffer.alloc(512)];
}

function leaf(page: Buffer, base: number, records: readonly Buffer[]): void {
  const rows = records.map((payload, index) => rowCell(index + 1, payload));
  fill(page, base, LEAF_TABLE, rows);
}

/** A leaf of a table. */
export function leafPage(rows: readonly Buffer[]): Buffer {
  const page = Buffer.alloc(512);
  fill(page, 0, LEAF_TABLE, rows);
  return page;
}

/** An interior page of a table. @param children with the greatest key of each @param last the child after them */
export function interiorPage(children: readonly (readonly [page: number, key: number])[], last: number): Buffer {
  const page = Buffer.alloc(512);
  const cells = children.map(([child, key]) => Buffer.concat([number32(child), varint(key)]));
  fill(page, 0, INTERIOR_TABLE, cells);
  page.writeUInt32BE(last, 8);
  return page;
}

/** The cell of a row of a table. @param local the bytes of its payload that lie in the page @param size of its payload */
export function rowCell(key: number, local: Buffer, size: number = local.length): Buffer {
  return Buffer.concat([varint(size), varint(key), local]);
}

/** Makes a page one of a tree, with these cells. @param base where its header begins */
function fill(page: Buffer, base: number, kind: number, cells: readonly Buffer[]): void {
  const pointers = base + (kind === LEAF_TABLE ? 8 : 12);
  page[base] = kind;
  page.writeUInt16BE(cells.length, base + 3);
  let content = page.length;
  cells.forEach((cell, index) => {
    content -= cell.length;
    cell.copy(page, content);
    page.writeUInt16BE(content, pointers + 2 * index);
  });
  page.writeUInt16BE(content, base + 5);
}

/** A number below 2 ** 53, as SQLite writes it in a page. */
export function varint(value: number): Buffer {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(128 + (rest % 128));
  return Buffer.from(bytes);
}

export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function record(values: readonly (string | number)[]): Buffer {
  const types = values.map((value) => (typeof value === "number" ? 1 : 13 + 2 * value.length));
  const body = values.map((value) => (typeof value === "number" ? Buffer.from([value]) : Buffer.from(value)));
  return Buffer.concat([Buffer.from([types.length + 1, ...types]), ...body]);
}
