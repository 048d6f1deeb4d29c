import { invalidOption } from "../../lib/errors.ts";

/** The table of blobs, and the statements on it. */
export interface Table {
  /** As it stands in SQL, e.g. `"public"."wa_vault"`. */
  readonly name: string;
  /** Makes it. */
  readonly make: string;
  /** A row with `persistence`: of the table, as `pg_class` has it. */
  readonly look: string;
  /** `$1` key. A row with `key`, null where there is none, and `bytes` in Base64. */
  readonly get: string;
  /** `$1` key, `$2` bytes. Counts one row. */
  readonly put: string;
  /** The same; where the key exists, it changes nothing and counts no row. */
  readonly create: string;
  /** `$1` the first text of the page, `$2` the first text behind the prefix. Rows with `key`, `size` and `at`. */
  readonly list: string;
  /** `$1` keys. */
  readonly delete: string;
}

/** How many keys one step of a listing or a deletion takes. */
export const KEYS_PER_PAGE = 1_000;

/** What PostgreSQL cuts names to, without an error. */
const LONGEST_NAME_BYTES = 63;
const PART = /^[\p{L}\p{N}_$-]+$/u;

/**
 * The statements for a table. Each is a transaction of its own, in one round trip, and changes nothing of its session.
 * @param table with or without a schema, which is `public` then: `search_path` decides nothing, because another user of
 * the pool or of PgBouncer may have changed it, and a session that is in another schema is not absent.
 * @throws `INVALID`
 */
export function tableOf(table: string): Table {
  const parts = typeof table === "string" ? table.split(".") : [];
  const isName = (part: string): boolean => PART.test(part) && Buffer.byteLength(part) <= LONGEST_NAME_BYTES;
  if (parts.length < 1 || parts.length > 2 || !parts.every(isName)) {
    const expected = `"table" or "schema.table", of letters, digits, "_", "$" and "-", at most ${LONGEST_NAME_BYTES} bytes each`;
    throw invalidOption("table", expected, table);
  }
  const name = (parts.length === 1 ? ["public", ...parts] : parts).map((part) => `"${part}"`).join(".");
  const insert = `${DURABLE} INSERT INTO ${name} (key, bytes, modified_at) SELECT $1, $2, clock_timestamp() FROM durable ON CONFLICT (key) DO`;
  return {
    name,
    make: `CREATE TABLE IF NOT EXISTS ${name} ${COLUMNS}`,
    look: read(name, lookAt(name)),
    get: read(name, `SELECT key::text, encode(bytes, 'base64') AS bytes FROM ${name} WHERE key = $1`),
    put: `${insert} UPDATE SET bytes = excluded.bytes, modified_at = excluded.modified_at`,
    create: `${insert} NOTHING`,
    list: read(name, pageOf(name)),
    delete: `${DURABLE} DELETE FROM ${name} USING durable WHERE key = ANY ($1::text[])`,
  };
}

/** Keys in the order of their bytes, so that a prefix is a range. The time is of the server's clock. */
const COLUMNS = '(key text COLLATE "C" PRIMARY KEY, bytes bytea NOT NULL, modified_at timestamptz NOT NULL)';

/**
 * Whatever the role, the database or the server says (`synchronous_commit`), a commit is on the disk when it is answered,
 * and on that of a synchronous standby. Holds for this transaction.
 */
const DURABLE = `WITH durable AS MATERIALIZED (SELECT set_config('synchronous_commit',
 CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true))`;

/**
 * A statement that reads. Beside the rows that it finds (one without a value where there is none), it tells whether an
 * absence means anything: a standby may be behind, and a policy may hide rows.
 */
function read(name: string, rows: string): string {
  return `SELECT pg_is_in_recovery()::text AS standby, row_security_active('${name}')::text AS hidden, found.*
 FROM (SELECT 1) AS always LEFT JOIN (${rows}) AS found ON true`;
}

/** Names the columns, so that a table without them, or without the right to read them, is refused. */
function lookAt(name: string): string {
  return `SELECT relpersistence::text AS persistence FROM pg_class
 LEFT JOIN (SELECT key, bytes, modified_at FROM ${name} LIMIT 0) AS columns ON true WHERE oid = '${name}'::regclass`;
}

function pageOf(name: string): string {
  // Said again, for a table that was made by hand.
  const key = 'key COLLATE "C"';
  return `SELECT key::text, octet_length(bytes)::text AS size, (extract(epoch FROM modified_at) * 1000)::text AS at
 FROM ${name} WHERE ${key} >= $1 AND ${key} < $2 ORDER BY ${key} LIMIT ${KEYS_PER_PAGE}`;
}
