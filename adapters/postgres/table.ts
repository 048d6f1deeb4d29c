import { invalidOption } from "../../lib/errors.ts";

/**
 * The table of blobs, and the statements on it. Each but `make` and `absence` answers at least one row, which tells of the
 * table: see {@link telling}.
 */
export interface Table {
  /** As it stands in SQL, e.g. `"public"."wa_vault"`. */
  readonly name: string;
  /** Makes it. */
  readonly make: string;
  /** A row with `standby`, and with `schema`, null where there is none: for a table that is not there. */
  readonly absence: string;
  /** Fails where the table lacks a column, or the user the right to read it. */
  readonly look: string;
  /** `$1` key. A row with `key`, null where there is none. */
  readonly has: string;
  /** `$1` key. A row with `key`, null where there is none, and `bytes` in Base64. */
  readonly get: string;
  /** `$1` key, `$2` bytes, `$3` the table's oid where it is known. A row with `changed`, "1". */
  readonly put: string;
  /** The same; where the key exists, it changes nothing: "0". */
  readonly create: string;
  /** `$1` the first text of the page, `$2` the first text behind the prefix. Rows with `key`, `size` and `at`. */
  readonly list: string;
  /** `$1` keys, `$2` the table's oid where it is known. */
  readonly delete: string;
}

/** Of `pg_class.relkind`: no view, no foreign table, and none of partitions, which may be either or be detached. */
export const ORDINARY = "r";
/** Of `pg_class.relpersistence`: a crash empties an unlogged table, and another session does not see a temporary one. */
export const PERMANENT = "p";

/** How many keys one step of a listing or a deletion takes. */
export const KEYS_PER_PAGE = 1_000;

/** What PostgreSQL cuts names to, without an error. */
const LONGEST_NAME_BYTES = 63;
const PART = /^[\p{L}\p{N}_$-]+$/u;

/**
 * The statements for a table. Each is a transaction of its own, in one round trip, and changes nothing of its session.
 * What writes does so only in a table that is fit, and the known one.
 * @param table with or without a schema, which is `public` then: `search_path` decides nothing, because another user of
 * the pool or of PgBouncer may have changed it, and a session that is in another schema is not absent.
 * @throws `INVALID`
 */
export function tableOf(table: string): Table {
  const parts = typeof table === "string" ? table.split(".") : [];
  const isName = (part: string): boolean => PART.test(part) && Buffer.byteLength(part) <= LONGEST_NAME_BYTES;
  // Of the schemas of the system, one is of temporary tables.
  if (
    parts.length < 1 ||
    parts.length > 2 ||
    !parts.every(isName) ||
    (parts.length === 2 && /^pg_/.test(parts[0] ?? ""))
  ) {
    const expected = `"table" or "schema.table", of letters, digits, "_", "$" and "-", at most ${LONGEST_NAME_BYTES} bytes each, in a schema of yours`;
    throw invalidOption("table", expected, table);
  }
  const [schema, own] = (parts.length === 1 ? ["public", ...parts] : parts).map((part) => `"${part}"`);
  const name = `${schema}.${own}`;
  const insert = (onConflict: string): string =>
    changing(
      name,
      `INSERT INTO ${name} (key, bytes, modified_at) SELECT $1, $2, clock_timestamp() FROM durable WHERE ${isFit(name, "$3")}
 ON CONFLICT (key) DO ${onConflict}`,
    );
  return {
    name,
    make: `CREATE TABLE IF NOT EXISTS ${name} ${COLUMNS}`,
    absence: `SELECT pg_is_in_recovery()::text AS standby, to_regnamespace('${schema}')::text AS schema`,
    look: telling(name, `SELECT key, bytes, modified_at FROM ${name} LIMIT 0`),
    has: telling(name, `SELECT key::text FROM ${name} WHERE key = $1`),
    get: telling(name, `SELECT key::text, encode(bytes, 'base64') AS bytes FROM ${name} WHERE key = $1`),
    put: insert("UPDATE SET bytes = excluded.bytes, modified_at = excluded.modified_at"),
    create: insert("NOTHING"),
    list: telling(name, pageOf(name)),
    delete: changing(name, `DELETE FROM ${name} USING durable WHERE key = ANY ($1::text[]) AND ${isFit(name, "$2")}`),
  };
}

/** Keys in the order of their bytes, so that a prefix is a range. The time is of the server's clock. */
const COLUMNS = '(key text COLLATE "C" PRIMARY KEY, bytes bytea NOT NULL, modified_at timestamptz NOT NULL)';

/**
 * Whatever the role, the database or the server says (`synchronous_commit`), a commit is on the disk when it is answered,
 * and on that of a synchronous standby. Holds for this transaction.
 */
const DURABLE = `durable AS MATERIALIZED (SELECT set_config('synchronous_commit',
 CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true))`;

/**
 * A statement that reads. Beside the rows that it finds (one without a value where there is none), each row tells whether an
 * absence means anything: `standby`, which may be behind; `hidden`, whether a policy may hide rows; `oid`, which table it is;
 * and its `kind` and `persistence`, as `pg_class` has them. The table is looked up behind `rows`, when it is locked already:
 * nobody renames it between the two.
 */
function telling(name: string, rows: string): string {
  return `SELECT pg_is_in_recovery()::text AS standby, row_security_active(place.oid)::text AS hidden, place.oid::text AS oid,
 place.relkind::text AS kind, place.relpersistence::text AS persistence, found.*
 FROM (SELECT 1) AS always LEFT JOIN (${rows}) AS found ON true
 LEFT JOIN pg_catalog.pg_class AS place ON place.oid = '${name}'::regclass`;
}

/** The same of a statement that writes. The row has `changed`, how many rows were: by itself, a trigger may keep rows out. */
function changing(name: string, statement: string): string {
  return `WITH ${DURABLE}, changed AS (${statement} RETURNING 1)
 ${telling(name, "SELECT count(*)::text AS changed FROM changed")}`;
}

/** Whether what is told of a table is right, and it is the one that is known. @param oid a parameter */
function isFit(name: string, oid: string): string {
  return `NOT row_security_active('${name}') AND EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = '${name}'::regclass
 AND relkind = '${ORDINARY}' AND relpersistence = '${PERMANENT}' AND oid::text = coalesce(${oid}::text, oid::text))`;
}

function pageOf(name: string): string {
  // Said again, for a table that was made by hand.
  const key = 'key COLLATE "C"';
  return `SELECT key::text, octet_length(bytes)::text AS size, (extract(epoch FROM modified_at) * 1000)::text AS at
 FROM ${name} WHERE ${key} >= $1 AND ${key} < $2 ORDER BY ${key} LIMIT ${KEYS_PER_PAGE}`;
}
