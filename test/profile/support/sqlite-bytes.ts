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
  page[base] = 13;
  page.writeUInt16BE(records.length, base + 3);
  let content = page.length;
  records.forEach((payload, index) => {
    const cell = Buffer.concat([Buffer.from([payload.length, index + 1]), payload]);
    content -= cell.length;
    cell.copy(page, content);
    page.writeUInt16BE(content, base + 8 + 2 * index);
  });
  page.writeUInt16BE(content, base + 5);
}

function record(values: readonly (string | number)[]): Buffer {
  const types = values.map((value) => (typeof value === "number" ? 1 : 13 + 2 * value.length));
  const body = values.map((value) => (typeof value === "number" ? Buffer.from([value]) : Buffer.from(value)));
  return Buffer.concat([Buffer.from([types.length + 1, ...types]), ...body]);
}
