import { withSignal } from "../../lib/async/deadline.ts";
import { invalidOption } from "../../lib/errors.ts";
import { insideTransaction } from "./errors.ts";

/** The methods of a `Pool` of `pg` that are used, so that any version fits, and what is built on it. */
export interface PostgresPool {
  /** Takes a client from the pool. */
  connect(): Promise<PostgresClient>;
  /** Listens to errors of idle clients. */
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** The methods of a client of a pool that are used. */
export interface PostgresClient {
  /** Runs one statement. */
  query(statement: PostgresStatement): Promise<PostgresResult>;
  /** Gives the client back to its pool. @param destroy whether the connection is closed instead of used again */
  release(destroy?: boolean): void;
  /** Listens to errors of the connection. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Listens no more. */
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  /** Since pg 8.19: `I` outside of a transaction, `T` in one, `E` in one that has failed. */
  getTransactionStatus?(): string | null;
}

/** One statement, without a name: a prepared one would belong to a connection, and PgBouncer may take another. */
export interface PostgresStatement {
  /** The SQL, with `$1`, `$2`, … for values. */
  text: string;
  /** The values. */
  values?: unknown[];
  /** Replaces the parsers of the application. */
  types?: { getTypeParser(): (value: string | Buffer) => unknown };
}

/** The columns of rows are text, or null. */
export interface PostgresResult {
  /** The rows, by the names of their columns. */
  rows: Record<string, string | null>[];
}

/** Whatever the application does with values (`pg.types.setTypeParser`, the pool's option `binary`): they stay text. */
const AS_TEXT: Required<PostgresStatement>["types"] = { getTypeParser: () => String };

/** A statement whose columns are all of the type `text`. */
export function query(client: PostgresClient, text: string, values: unknown[]): Promise<PostgresResult> {
  return client.query({ text, values, types: AS_TEXT });
}

const guarded = new WeakSet<object>();
const ignore = (): void => {};

/** The pool, checked. @throws `INVALID` for anything else, e.g. a `Client` */
export function checkedPool(pool: PostgresPool): PostgresPool {
  const { connect, on, connectionParameters } = Object(pool) as Record<string, unknown>;
  // A client is no pool: one that is connected cannot be connected again.
  if (typeof connect !== "function" || typeof on !== "function" || connectionParameters !== undefined) {
    throw invalidOption("pool", "a Pool of pg", pool);
  }
  // A pool that nobody listens to ends the process when the server closes an idle connection.
  if (!guarded.has(pool)) pool.on("error", ignore);
  guarded.add(pool);
  return pool;
}

/**
 * Does `work` with a client of the pool, never with more than one. The connection is used again only when the work ended
 * well: one that was given up in the middle of a statement, or that led to a standby, is closed, and makes room at once.
 */
export async function withClient<T>(
  pool: PostgresPool,
  signal: AbortSignal | undefined,
  work: (client: PostgresClient) => Promise<T>,
): Promise<T> {
  // It may throw: a client reads its address when it is made.
  const connecting = (async () => pool.connect())();
  let client: PostgresClient;
  try {
    client = await withSignal(connecting, signal);
  } catch (error) {
    connecting.then((late) => late.release(), ignore);
    throw error;
  }
  // The statement fails by itself when the connection breaks; the event would end the process.
  client.on("error", ignore);
  let isFit = false;
  try {
    const result = await withSignal(async () => {
      await assertIdle(client);
      return work(client);
    }, signal);
    // A BEGIN that nobody waited for may have been sent in between.
    if (isInside(client.getTransactionStatus?.())) throw insideTransaction();
    isFit = true;
    return result;
  } finally {
    client.removeListener("error", ignore);
    client.release(!isFit);
  }
}

const OUTSIDE = "I";

function isInside(status: string | null | undefined): boolean {
  return status === "T" || status === "E";
}

/**
 * @throws `UNAVAILABLE` inside a transaction that the application has left open: its end could take a put back that has
 * resolved, and its snapshot may be of long ago
 */
async function assertIdle(client: PostgresClient): Promise<void> {
  const status = client.getTransactionStatus?.();
  if (status === OUTSIDE) return;
  if (isInside(status)) throw insideTransaction();
  // Without parameters it is one message, and the two times are the same unless a transaction began with an earlier one.
  const asked = await query(client, "SELECT (transaction_timestamp() = statement_timestamp())::text AS outside", []);
  if (asked.rows[0]?.outside !== "true") throw insideTransaction();
}
