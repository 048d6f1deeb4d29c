// `adapters/postgres` keeps blobs in PostgreSQL; `table.ts` has the statements, `pool.ts` the use of connections, and
// `errors.ts` the errors. An adapter imports the contract of blobs, `lib/blobs`, `lib/vault/vault.ts`, `lib/async`, the
// errors and its own client library, and no other adapter; no folder of `lib` may import it.
import { assertKey, assertPrefix } from "../../lib/blobs/keys.ts";
import { assertSize, request } from "../../lib/blobs/request.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../lib/blobs.ts";
import { invalidOption, VaultError } from "../../lib/errors.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { codeOf, gone, hidden, isMadeByAnother, standby, toVaultError, UNDEFINED_TABLE, unlogged } from "./errors.ts";
import { checkedPool, type PostgresClient, type PostgresPool, type PostgresResult, query, withClient } from "./pool.ts";
import { KEYS_PER_PAGE, type Table, tableOf } from "./table.ts";

export type { PostgresClient, PostgresPool, PostgresResult, PostgresStatement } from "./pool.ts";

/** What {@link PostgresBlobs} takes. */
export interface PostgresBlobsOptions {
  /**
   * A `Pool` of `pg` (8 or newer); it is never ended. Each call takes one connection for one statement. The pool gets a
   * listener for `error`, so that an idle connection that breaks does not end the process.
   */
  pool: PostgresPool;
  /**
   * The table, alone or with its schema: "wa_vault", "bots.wa_vault". Without a schema it is in `public`, whatever
   * `search_path` is. It is made at the first call when it is not there. @default "wa_vault"
   */
  table?: string | undefined;
  /** The largest value in bytes, for a server or a pooler that takes less. At most 64 MiB. @default 8388608 (8 MiB) */
  maxBlobBytes?: number | undefined;
}

/** A vault writes 4 MiB at once; larger values take memory on both sides several times over. */
const MAX_BLOB_BYTES = 8 * 1024 * 1024;
const MOST_BLOB_BYTES = 64 * 1024 * 1024;

/** Blobs as rows of a PostgreSQL table. */
export class PostgresBlobs implements BlobStore {
  readonly keepsNoBuffers = true;
  readonly #pool: PostgresPool;
  readonly #table: Table;
  readonly #maxBlobBytes: number;
  /** Whether a statement on the table has succeeded: from then on, a table that is not there is not to be made. */
  #wasThere = false;

  constructor(options: PostgresBlobsOptions) {
    const { pool, table = "wa_vault", maxBlobBytes = MAX_BLOB_BYTES } = options;
    if (!(Number.isInteger(maxBlobBytes) && maxBlobBytes > 0 && maxBlobBytes <= MOST_BLOB_BYTES)) {
      throw invalidOption("maxBlobBytes", `a whole number of bytes, at most ${MOST_BLOB_BYTES}`, maxBlobBytes);
    }
    this.#table = tableOf(table);
    this.#pool = checkedPool(pool);
    this.#maxBlobBytes = maxBlobBytes;
  }

  /** @throws `INVALID` when a crash of the server would empty the table: then "absent" would not mean absent. */
  async traits(options: CallOptions = {}): Promise<BlobTraits> {
    const [table] = await this.#read("look", this.#table.look, [], options);
    if (table?.persistence !== "p") throw unlogged(this.#table);
    return { maxBlobBytes: this.#maxBlobBytes, exclusiveCreate: true };
  }

  async get(key: string, options: CallOptions = {}): Promise<Buffer | undefined> {
    assertKey(key);
    const [found] = await this.#read("get", this.#table.get, [key], options);
    if (found?.key !== key) return undefined;
    if (typeof found.bytes !== "string") {
      throw new VaultError("CORRUPT", `PostgreSQL get failed: the row ${key} has no bytes.`);
    }
    return Buffer.from(found.bytes, "base64");
  }

  async put(key: string, bytes: Buffer, options: PutOptions = {}): Promise<void> {
    assertKey(key);
    assertSize("PostgreSQL put failed", bytes, this.#maxBlobBytes);
    const statement = options.ifAbsent ? this.#table.create : this.#table.put;
    const { rowCount } = await this.#call("put", statement, [key, bytes], options);
    if (rowCount === 1) return;
    if (options.ifAbsent) throw new VaultError("CONFLICT", "PostgreSQL put failed: the key exists.");
    throw new VaultError("INVALID", "PostgreSQL put failed: no row was written.", {
      hint: "A trigger or a rule of the table keeps rows out.",
    });
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<BlobInfo> {
    assertPrefix(prefix);
    const end = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`;
    // In order, so that the last page shows the largest key of its moment: a page is one statement.
    for (let from = prefix; ; ) {
      const page = await this.#read("list", this.#table.list, [from, end], options);
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
      await this.#call("delete", this.#table.delete, [keys.slice(from, from + KEYS_PER_PAGE)], options);
    }
  }

  /** Rows that were read where an absence is one. */
  async #read(
    what: string,
    statement: string,
    values: unknown[],
    options: CallOptions,
  ): Promise<PostgresResult["rows"]> {
    const { rows } = await this.#call(what, statement, values, options, ([first]) => {
      if (first?.standby !== "false") throw standby(what);
      if (first.hidden !== "false") throw hidden(what, this.#table);
    });
    return rows;
  }

  /** @param check of the rows: a connection whose rows are not fit is not used again */
  async #call(
    what: string,
    statement: string,
    values: unknown[],
    { signal }: CallOptions,
    check: (rows: PostgresResult["rows"]) => void = () => {},
  ): Promise<PostgresResult> {
    const work = async (client: PostgresClient): Promise<PostgresResult> => {
      const result = await this.#send(client, statement, values);
      check(result.rows);
      return result;
    };
    const translate = (_: string, error: unknown): VaultError => toVaultError(what, error, this.#table);
    return request(what, translate, () => withClient(this.#pool, signal, work), signal);
  }

  /** The answer to a statement; makes the table when it has never been there. */
  async #send(client: PostgresClient, statement: string, values: unknown[]): Promise<PostgresResult> {
    for (let isMade = false; ; isMade = true) {
      try {
        const result = await query(client, statement, values);
        this.#wasThere = true;
        return result;
      } catch (error) {
        if (codeOf(error) !== UNDEFINED_TABLE || isMade) throw error;
        if (this.#wasThere) throw gone(this.#table);
      }
      await query(client, this.#table.make, []).catch((error) => {
        if (!isMadeByAnother(error)) throw error;
      });
    }
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
