import type { Collection } from "mongodb";
import { withSignal } from "../lib/async/deadline.ts";
import { assertKey, assertPrefix } from "../lib/blobs/keys.ts";
import { assertSize, request } from "../lib/blobs/request.ts";
import { checkMaxBlobBytes, lowerMaxBlobBytes, type MaxBlobBytes } from "../lib/blobs/size.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../lib/blobs.ts";
import { invalidOption, safeCause, safeMessage, VaultError, type VaultErrorCode } from "../lib/errors.ts";
import { Vault, type VaultOptions } from "../lib/vault/vault.ts";

/** What {@link MongoBlobs} takes: exactly one of `mongoose`, `connection` and `db`; it is never closed. */
export interface MongoBlobsOptions extends MaxBlobBytes {
  /** A mongoose instance; its default connection is used. */
  mongoose?: { readonly connection: MongooseConnection } | undefined;
  /** One mongoose connection. */
  connection?: MongooseConnection | undefined;
  /** A database of the `mongodb` driver. */
  db?: MongoDatabase | undefined;
  /** Name of the collection. @default "wa_vault" */
  collection?: string | undefined;
}

/** The members of a mongoose connection that are used, so that any version fits. */
export interface MongooseConnection {
  /** As mongoose has it: 1 is connected. */
  readonly readyState: number;
  /** Resolves when it is connected. */
  asPromise(): Promise<unknown>;
  /** The database of the connection; absent before it is connected. */
  readonly db?: MongoDatabase | undefined;
}

/** The methods of a driver's `Db` that are used, so that any version fits. */
export interface MongoDatabase {
  /** A collection of the database, which need not exist. */
  collection(name: string): unknown;
}

interface BlobDocument {
  /** The key. */
  _id: string;
  bytes: Buffer;
  /** Bytes of the value, kept because not every server that speaks the protocol has `$binarySize`. */
  size: number;
  at: Date;
}

/** A document may be 16 MiB, its names and lengths included. */
const MAX_BLOB_BYTES = 15 * 1024 * 1024;
const DELETE_AT_ONCE = 1_000;
/** A read never comes from a stale copy, whatever the URI says, because "absent" decides things. */
const CURRENT = { readPreference: "primary", readConcern: { level: "majority" } } as const;
/** Values of JavaScript and Node, however the client is set up: also the numbers in an error. */
const PLAIN = {
  raw: false,
  promoteValues: true,
  promoteLongs: true,
  useBigInt64: false,
  promoteBuffers: true,
  fieldsAsRaw: {},
} as const;
const DURABLE = { ...PLAIN, writeConcern: { w: "majority" } } as const;

/** Blobs as documents of a MongoDB collection. */
export class MongoBlobs implements BlobStore {
  readonly keepsNoBuffers = true;
  readonly kind = "mongo";
  readonly #database: () => Promise<MongoDatabase>;
  readonly #name: string;
  readonly #maxBlobBytes: number;

  constructor(options: MongoBlobsOptions) {
    const { mongoose, connection, db, collection = "wa_vault", maxBlobBytes } = options;
    if ([mongoose, connection, db].filter((given) => given !== undefined && given !== null).length !== 1) {
      throw invalidOption("mongoose", "given, or `connection`, or `db`: exactly one of them", mongoose);
    }
    if (typeof collection !== "string" || collection === "") {
      throw invalidOption("collection", "the name of a collection", collection);
    }
    this.#name = collection;
    this.#maxBlobBytes = checkMaxBlobBytes(maxBlobBytes, MAX_BLOB_BYTES);
    this.#database = async () => db ?? (await databaseOf(mongoose?.connection ?? connection));
  }

  async traits(options: CallOptions = {}): Promise<BlobTraits> {
    options.signal?.throwIfAborted();
    return { maxBlobBytes: this.#maxBlobBytes, exclusiveCreate: true };
  }

  async get(key: string, options: CallOptions = {}): Promise<Buffer | undefined> {
    assertKey(key);
    return this.#call("get", options, async (blobs) => {
      const found = await blobs.findOne({ _id: key }, { ...CURRENT, ...PLAIN, projection: { bytes: 1 } });
      const bytes = bytesOf(found?.bytes);
      if (found && bytes === undefined) {
        throw new VaultError("CORRUPT", `MongoDB get failed: the document ${key} has no bytes.`);
      }
      return bytes;
    });
  }

  async put(key: string, bytes: Buffer, options: PutOptions = {}): Promise<void> {
    assertKey(key);
    assertSize("MongoDB put failed", bytes, this.#maxBlobBytes);
    const content = { bytes, size: bytes.length, at: new Date() };
    await this.#call("put", options, async (blobs) => {
      if (options.ifAbsent) return void (await blobs.insertOne({ _id: key, ...content }, DURABLE));
      await blobs.replaceOne({ _id: key }, content, { ...DURABLE, upsert: true }).catch(rethrowCollision);
    });
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<BlobInfo> {
    assertPrefix(prefix);
    const range = { _id: { $gte: prefix, $lt: endOf(prefix) } };
    const cursor = await this.#call("list", options, async (blobs) =>
      // In order, so that the last key is the largest of the moment at which it is read.
      blobs.find(range, { ...CURRENT, ...PLAIN, projection: { size: 1, at: 1 }, sort: { _id: 1 } }),
    );
    try {
      for (;;) {
        const found = await this.#call("list", options, () => cursor.next());
        if (found === null) return;
        yield { key: String(found._id), size: Number(found.size), modifiedAt: found.at };
      }
    } finally {
      // Not awaited: it sends a request, and the server may not answer.
      cursor.close().catch(() => {});
    }
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    for (const key of keys) assertKey(key);
    for (let from = 0; from < keys.length; from += DELETE_AT_ONCE) {
      const some = keys.slice(from, from + DELETE_AT_ONCE);
      await this.#call("delete", options, (blobs) => blobs.deleteMany({ _id: { $in: some } }, DURABLE));
    }
  }

  async #call<T>(
    what: string,
    options: CallOptions,
    work: (blobs: Collection<BlobDocument>) => Promise<T>,
  ): Promise<T> {
    const send = async (): Promise<T> => {
      const database = await this.#database();
      return work(database.collection(this.#name) as Collection<BlobDocument>);
    };
    return request(what, toVaultError, () => withSignal(send, options.signal), options.signal);
  }
}

/** What a {@link MongoStore} takes: the options of its blobs and of its vault. */
export type MongoStoreOptions = MongoBlobsOptions & Omit<VaultOptions, "blobs">;

/** Sessions in a MongoDB collection. */
export class MongoStore extends Vault {
  constructor(options: MongoStoreOptions) {
    const { mongoose, connection, db, collection, maxBlobBytes, ...vault } = options;
    super({ ...vault, blobs: new MongoBlobs({ mongoose, connection, db, collection, maxBlobBytes }) });
  }
}

const NOT_CONNECTED = "MongoDB call failed: mongoose is not connected.";
const [CONNECTED, CONNECTING] = [1, 2];

/** A mongoose connection has a database only once it is open. */
async function databaseOf(connection: MongooseConnection | undefined): Promise<MongoDatabase> {
  if (connection?.readyState === CONNECTING) await connection.asPromise();
  if (connection?.readyState !== CONNECTED || connection.db === undefined) {
    const hint = "Call mongoose.connect() before the client is started.";
    throw new VaultError("UNAVAILABLE", NOT_CONNECTED, { hint });
  }
  return connection.db;
}

/** The first text after all keys that begin with `prefix`: keys are ASCII, so there is one. */
function endOf(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

const DUPLICATE_KEY = 11_000;

/** Two upserts of one key may both find no document: the later one fails, and is to be made again. */
function rethrowCollision(error: unknown): never {
  if (!numbersOf(error).includes(DUPLICATE_KEY)) throw error;
  throw new VaultError("UNAVAILABLE", "MongoDB put failed: another put of the same key was first.", { cause: error });
}

const ATLAS = 8_000;
const DENIED = new Set([13, 18, ATLAS]);
const DENIED_HINT = "The user needs find, insert, update and remove on the collection (docs/stores.md).";

/** A driver's error as a {@link VaultError}. @param what named in the message, e.g. "get" */
export function toVaultError(what: string, error: unknown): VaultError {
  const numbers = numbersOf(error);
  const message = safeMessage(error);
  // Atlas has one number for two refusals: of a password, and of data beyond the quota.
  const isFull = numbers.includes(ATLAS) && /quota/i.test(message);
  const code = isFull ? "UNAVAILABLE" : codeOf(error, numbers);
  const hint = isFull ? "The store is full." : hintOf(code);
  return new VaultError(code, `MongoDB ${what} failed: ${message}`, {
    cause: safeCause(error),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** By number and name, never by class: the application's driver may be another copy of the package. */
function codeOf(error: unknown, numbers: readonly number[]): VaultErrorCode {
  const { name = "" } = error as { name?: string };
  if (numbers.includes(DUPLICATE_KEY)) return "CONFLICT";
  if (numbers.some((number) => TOO_LARGE.has(number)) || saysTooLarge(messagesOf(error))) return "TOO_LARGE";
  if (numbers.some((number) => DENIED.has(number))) return "DENIED";
  if (name === "MongoInvalidArgumentError" || name === "MongoParseError") return "INVALID";
  return "UNAVAILABLE";
}

/** BSONObjectTooLarge, and the same from older servers. The 16 of Azure Cosmos DB is InvalidLength to others: its words say it. */
const TOO_LARGE = new Set([10_334, 17_280, 17_419, 17_420]);
const VALUE = String.raw`\b(request|document|object|message|entity|payload|bson\w*)\b`;
/** Up to 40 characters without a word of what waits, is counted, lasts or is used up. */
const BETWEEN = String.raw`(?:(?!\b(rates?|queues?|numbers?|counts?|latency|time\w*|units?|storage|quota|throughput|memory|depth)\b).){0,40}`;
/** What servers and drivers say of a document or a message that is too large, under numbers of their own or none. */
const TOO_LARGE_WORDS = [
  new RegExp(String.raw`${VALUE}${BETWEEN}\b(too (large|big)|larger than)\b`, "i"),
  new RegExp(String.raw`${VALUE}${BETWEEN}\b(size|length)\b${BETWEEN}\bexceed(s|ed)?\b`, "i"),
  new RegExp(String.raw`${VALUE}${BETWEEN}\bexceed(s|ed)?\b${BETWEEN}(\b|max\w*)(size|length|bytes|[KM]i?B)\b`, "i"),
  /entity ?too ?large|BSONObj size: \d+ .*invalid|MaxDocumentSize/i,
];

function saysTooLarge(messages: string): boolean {
  return TOO_LARGE_WORDS.some((words) => words.test(messages));
}

interface ErrorFields {
  code?: unknown;
  message?: unknown;
  errmsg?: unknown;
  codeName?: unknown;
  writeErrors?: unknown;
  err?: unknown;
}

/** The error and the errors of single writes in it, as of a `MongoBulkWriteError`. */
function partsOf(error: unknown): ErrorFields[] {
  const whole = Object(error) as ErrorFields;
  const writes: unknown[] = Array.isArray(whole.writeErrors) ? whole.writeErrors : [whole.writeErrors ?? {}];
  return [whole, ...writes.flatMap((one) => [Object(one), Object(Object(one).err)])] as ErrorFields[];
}

/** The numbers of an error, whatever type of number the client was told to make of them. */
function numbersOf(error: unknown): number[] {
  return partsOf(error).flatMap(({ code }) => (code === undefined || code === null ? [] : [Number(code)]));
}

function messagesOf(error: unknown): string {
  return partsOf(error)
    .flatMap(({ message, errmsg, codeName }) => [message, errmsg, codeName])
    .filter((text) => typeof text === "string")
    .join("\n");
}

function hintOf(code: VaultErrorCode): string | undefined {
  if (code === "DENIED") return DENIED_HINT;
  return code === "TOO_LARGE" ? lowerMaxBlobBytes("the server") : undefined;
}

/** The bytes of a value, also of a `Binary` of another copy of the BSON library. */
function bytesOf(value: unknown): Buffer | undefined {
  if (Buffer.isBuffer(value)) return value;
  const { _bsontype, buffer, position } = Object(value) as {
    _bsontype?: unknown;
    buffer?: unknown;
    position?: unknown;
  };
  const bytes = _bsontype === "Binary" ? buffer : value;
  if (!(bytes instanceof Uint8Array)) return undefined;
  const length = _bsontype === "Binary" ? Number(position) : bytes.length;
  return Buffer.from(bytes.subarray(0, length));
}
