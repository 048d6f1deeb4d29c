// `adapters/postgres` keeps blobs in PostgreSQL; `table.ts` has the statements, `pool.ts` the use of connections, and
// `errors.ts` the errors. An adapter imports the contract of blobs, `lib/blobs`, `lib/vault/vault.ts`, `lib/async`, the
// errors and its own client library, and no other adapter; no folder of `lib` may import it.
import { assertKey, assertPrefix } from "../../lib/blobs/keys.ts";
import { assertSize, request } from "../../lib/blobs/request.ts";
import { checkMaxBlobBytes, type MaxBlobBytes } from "../../lib/blobs/size.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../lib/blobs.ts";
import { VaultError } from "../../lib/errors.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import {
  codeOf,
  gone,
  hidden,
  isMadeByAnother,
  justMade,
  keptOut,
  noSchema,
  standby,
  toVaultError,
  UNDEFINED_TABLE,
  unfit,
} from "./errors.ts";
import { checkedPool, type PostgresClient, type PostgresPool, type PostgresResult, query, withClient } from "./pool.ts";
import { KEYS_PER_PAGE, ORDINARY, PERMANENT, type Table, tableOf } from "./table.ts";

export type { PostgresClient, PostgresPool, PostgresResult, PostgresStatement } from "./pool.ts";

/** What {@link PostgresBlobs} takes. */
export interface PostgresBlobsOptions extends MaxBlobBytes {
  /**
   * A `Pool` of `pg` (8 or newer; before 8.19 each statement is preceded by one that asks whether a transaction is open); it
   * is never ended. Each call takes one connection for one statement, which is a transaction. The pool gets a
   * listener for `error`, so that an idle connection that breaks does not end the process.
   */
  pool: PostgresPool;
  /**
   * The table, alone or with its schema: "wa_vault", "bots.wa_vault". Without a schema it is in `public`, whatever
   * `search_path` is. It is made by the first put when it is not there. @default "wa_vault"
   */
  table?: string | undefined;
}

type Row = PostgresResult["rows"][number];

/** A vault writes 4 MiB at once; larger values take memory on both sides several times over. */
const MAX_BLOB_BYTES = 8 * 1024 * 1024;
/** Between a create that finds a key and the look at that key, another process may delete it: seldom twice. */
const CREATE_ATTEMPTS = 3;

/** Blobs as rows of a PostgreSQL table. */
export class PostgresBlobs implements BlobStore {
  readonly keepsNoBuffers = true;
  readonly kind = "postgres";
  readonly #pool: PostgresPool;
  readonly #table: Table;
  readonly #maxBlobBytes: number;
  /** Of the table, once a statement on it has succeeded: another one of its name does not have the sessions. */
  #oid: string | undefined;

  constructor(options: PostgresBlobsOptions) {
    const { pool, table = "wa_vault", maxBlobBytes } = options;
    this.#table = tableOf(table);
    this.#pool = checkedPool(pool);
    this.#maxBlobBytes = checkMaxBlobBytes(maxBlobBytes, MAX_BLOB_BYTES);
  }

  /** @throws `INVALID` when a crash of the server would empty the table: then "absent" would not mean absent. */
  async traits(options: CallOptions = {}): Promise<BlobTraits> {
    await this.#call("look", this.#table.look, [], options);
    return { maxBlobBytes: this.#maxBlobBytes, exclusiveCreate: true };
  }

  async get(key: string, options: CallOptions = {}): Promise<Buffer | undefined> {
    assertKey(key);
    const [found] = await this.#call("get", this.#table.get, [key], options);
    if (found?.key !== key) return undefined;
    if (typeof found.bytes !== "string") {
      throw new VaultError("CORRUPT", `PostgreSQL get failed: the row ${key} has no bytes.`);
    }
    return Buffer.from(found.bytes, "base64");
  }

  async put(key: string, bytes: Buffer, options: PutOptions = {}): Promise<void> {
    assertKey(key);
    assertSize("PostgreSQL put failed", bytes, this.#maxBlobBytes);
    for (let attempt = 0; attempt < CREATE_ATTEMPTS; attempt++) {
      const statement = options.ifAbsent ? this.#table.create : this.#table.put;
      const [done] = await this.#change("put", statement, [key, bytes], options, this.#table.make);
      if (done?.changed === "1") return;
      if (!options.ifAbsent) break;
      // In a statement of its own: the first one does not see what another writer has committed meanwhile.
      const [found] = await this.#call("put", this.#table.has, [key], options);
      if (found?.key === key) throw new VaultError("CONFLICT", "PostgreSQL put failed: the key exists.");
    }
    throw keptOut();
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<BlobInfo> {
    assertPrefix(prefix);
    const end = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`;
    // In order, so that the last page shows the largest key of its moment: a page is one statement.
    for (let from = prefix; ; ) {
      const page = await this.#call("list", this.#table.list, [from, end], options);
      const keys: string[] = [];
      for (const { key, size, at } of page) {
        if (typeof key !== "string") return;
        keys.push(key);
        yield { key, size: Number(size), modifiedAt: new Date(Number(at)) };
      }
      if (keys.length < KEYS_PER_PAGE) return;
      // Behind the last key, and before every longer one that begins with it.
      from = `${keys.sort().at(-1)}!`;
    }
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    for (const key of keys) assertKey(key);
    for (let from = 0; from < keys.length; from += KEYS_PER_PAGE) {
      await this.#change("delete", this.#table.delete, [keys.slice(from, from + KEYS_PER_PAGE)], options);
    }
  }

  /** A statement that writes only where the table is the known one. */
  #change(what: string, statement: string, values: unknown[], options: CallOptions, make?: string): Promise<Row[]> {
    return this.#call(what, statement, [...values, this.#oid ?? null], options, make);
  }

  /**
   * The rows of a statement; none where the table is not there, and never was in this process.
   * @param make makes the table in that case, and the statement is sent again
   */
  async #call(
    what: string,
    statement: string,
    values: unknown[],
    { signal }: CallOptions,
    make?: string,
  ): Promise<Row[]> {
    // A connection whose answer is not fit is not used again.
    const work = async (client: PostgresClient): Promise<Row[]> => {
      for (let isMade = false; ; isMade = true) {
        try {
          return this.#checked(what, (await query(client, statement, values)).rows);
        } catch (error) {
          if (codeOf(error) !== UNDEFINED_TABLE || isMade) throw error;
          if (this.#oid !== undefined) throw gone(this.#table);
        }
        if (make === undefined) return this.#absence(what, client);
        await query(client, make, []).catch((error) => {
          if (!isMadeByAnother(error)) throw error;
        });
      }
    };
    const translate = (_: string, error: unknown): VaultError => toVaultError(what, error, this.#table);
    return request(what, translate, () => withClient(this.#pool, signal, work), signal);
  }

  /** Rows where an absence is one. */
  #checked(what: string, rows: Row[]): Row[] {
    const { standby: isStandby, hidden: isHidden, oid, kind, persistence = null } = rows[0] ?? {};
    if (isStandby !== "false") throw standby(what);
    if (typeof oid !== "string") throw justMade(what, this.#table);
    if (this.#oid !== undefined && oid !== this.#oid) throw gone(this.#table);
    if (isHidden !== "false") throw hidden(what, this.#table);
    if (kind !== ORDINARY || persistence !== PERMANENT) throw unfit(this.#table, { persistence });
    this.#oid = oid;
    return rows;
  }

  /** No rows, unless the table may only not have arrived, or its schema is not there either. */
  async #absence(what: string, client: PostgresClient): Promise<Row[]> {
    const [found] = (await query(client, this.#table.absence, [])).rows;
    if (found?.standby !== "false") throw standby(what);
    if (typeof found.schema !== "string") throw noSchema(this.#table);
    return [];
  }
}

/** What a {@link PostgresStore} takes: the options of its blobs and of its vault. */
export type PostgresStoreOptions = PostgresBlobsOptions & Omit<VaultOptions, "blobs">;

/** Sessions in a PostgreSQL table. */
export class PostgresStore extends Vault {
  constructor(options: PostgresStoreOptions) {
    const { pool, table, maxBlobBytes, ...vault } = options;
    super({ ...vault, blobs: new PostgresBlobs({ pool, table, maxBlobBytes }) });
  }
}
