// `adapters/redis` keeps blobs in Redis; `wire.ts` speaks to the client libraries. An adapter imports the contract of
// blobs, `lib/blobs`, `lib/vault/vault.ts`, `lib/async`, the errors and its own client library, and no other adapter;
// no folder of `lib` may import it.
import { withSignal } from "../../lib/async/deadline.ts";
import { assertKey, assertPrefix } from "../../lib/blobs/keys.ts";
import { assertSize, request } from "../../lib/blobs/request.ts";
import { type Listing, settled } from "../../lib/blobs/settled.ts";
import { checkMaxBlobBytes, type MaxBlobBytes } from "../../lib/blobs/size.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../lib/blobs.ts";
import { invalidOption, VaultError } from "../../lib/errors.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import {
  evictionPolicy,
  type IoRedisClient,
  KEYS_PER_PAGE,
  mayEvict,
  type NodeRedisClient,
  type RedisClient,
  toVaultError,
  type Wire,
  wireOf,
} from "./wire.ts";

export type { IoRedisClient, NodeRedisClient, RedisClient };

/** What {@link RedisBlobs} takes. */
export interface RedisBlobsOptions extends MaxBlobBytes {
  /**
   * A client of yours, connected or connecting; it is never closed. From `ioredis`: a `Redis` (standalone or through
   * Sentinel) or a `Cluster`. From `redis` (5 or newer): a client, a pool, a Sentinel or a cluster. A client that reads
   * from replicas is refused.
   */
  client: RedisClient;
  /** Put before every key. @default "wa-vault:" */
  prefix?: string | undefined;
  /**
   * Seconds after the last write at which a session expires (a save of an unchanged profile writes nothing). Off by
   * default: a store for credentials must not expire by itself. @default never
   */
  ttlSeconds?: number | undefined;
}

/** A value of more than this stalls every other client of the server while it travels. */
const MAX_BLOB_BYTES = 1024 * 1024;

/**
 * Blobs as Redis strings, and beside them one hash per first segment, written in the same MULTI. Its fields are the
 * keys: a listing never scans the keys of other users, and a key that the server evicted is noticed. The keys of a
 * session share a hash tag, and so a Cluster slot.
 */
export class RedisBlobs implements BlobStore {
  readonly keepsNoBuffers = true;
  readonly kind = "redis";
  readonly #redis: Wire;
  readonly #prefix: string;
  readonly #ttlSeconds: number | undefined;
  readonly #maxBlobBytes: number;
  /** By index, when the expiry of all its keys was last renewed, by the monotonic clock. */
  readonly #refreshed = new Map<string, number>();

  constructor(options: RedisBlobsOptions) {
    const { client, prefix = "wa-vault:", ttlSeconds, maxBlobBytes } = options;
    if (typeof prefix !== "string" || /[{}]/.test(prefix)) throw invalidOption("prefix", "text without braces", prefix);
    if (ttlSeconds !== undefined && !(Number.isInteger(ttlSeconds) && ttlSeconds > 0)) {
      throw invalidOption("ttlSeconds", "a whole number of seconds", ttlSeconds);
    }
    this.#redis = wireOf(client);
    this.#prefix = prefix;
    this.#ttlSeconds = ttlSeconds;
    this.#maxBlobBytes = checkMaxBlobBytes(maxBlobBytes, MAX_BLOB_BYTES);
  }

  /** @throws `INVALID` when the server is set to evict keys: then "absent" would not mean absent. */
  async traits(options: CallOptions = {}): Promise<BlobTraits> {
    const infos = await this.#call("info", options, () => this.#redis.info());
    const policy = evictionPolicy(infos, this.#ttlSeconds !== undefined);
    if (policy !== undefined) throw mayEvict(policy);
    return { maxBlobBytes: this.#maxBlobBytes, exclusiveCreate: true };
  }

  async get(key: string, options: CallOptions = {}): Promise<Buffer | undefined> {
    assertKey(key);
    return this.#call("get", options, async () => {
      // Values that are in no index are left over from a session that has expired.
      if (this.#ttlSeconds !== undefined && !(await this.#isIndexed(key))) return undefined;
      for (let attempt = 1; ; attempt++) {
        const value = await this.#redis.get(this.#at(key));
        if (value !== null) return value;
        if (this.#mayExpireAlone(key) || !(await this.#isIndexed(key))) return undefined;
        // Created between the two replies, or evicted: the second attempt tells.
        if (attempt === 2) throw evicted(key);
      }
    });
  }

  async put(key: string, bytes: Buffer, options: PutOptions = {}): Promise<void> {
    assertKey(key);
    assertSize("Redis put failed", bytes, this.#maxBlobBytes);
    await this.#call("put", options, () => this.#put(key, bytes, options.ifAbsent === true));
  }

  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<BlobInfo> {
    assertPrefix(prefix);
    for (const [key, info] of await settled(() => this.#scan(prefix, options))) {
      const [size = 0, at = 0] = info.split(" ").map(Number);
      yield { key, size, modifiedAt: new Date(at) };
    }
  }

  /** A page is one moment; pages that follow each other are several. */
  async #scan(prefix: string, options: CallOptions): Promise<Listing<string>> {
    const index = this.#index(prefix);
    const found = new Map<string, string>();
    let cursor = "0";
    let pages = 0;
    do {
      const page = await this.#call("list", options, () => this.#redis.hscan(index, cursor, `${prefix}*`));
      cursor = page.cursor;
      pages++;
      for (const [key, info] of page.entries) found.set(key, info);
    } while (cursor !== "0");
    return { found, isExact: pages === 1 };
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    for (const key of keys) assertKey(key);
    for (const [index, some] of groupBy(keys, (key) => this.#index(key))) {
      for (let from = 0; from < some.length; from += KEYS_PER_PAGE) {
        const page = some.slice(from, from + KEYS_PER_PAGE);
        const commands = [
          ["unlink", ...page.map((key) => this.#at(key))],
          ["hdel", index, ...page],
        ];
        await this.#call("delete", options, () => this.#redis.multi(index, commands));
      }
    }
  }

  async #put(key: string, bytes: Buffer, ifAbsent: boolean): Promise<void> {
    const [at, index] = [this.#at(key), this.#index(key)];
    const info = `${bytes.length} ${Date.now()}`;
    await this.#keepKnown(key);
    const [set, indexed] = await this.#redis.multi(index, [
      ["set", at, bytes, ...this.#expiry(key), ...(ifAbsent ? ["NX"] : [])],
      [ifAbsent ? "hsetnx" : "hset", index, key, info],
      ...this.#indexExpiry(key),
    ]);
    if (ifAbsent && set === null) {
      if (this.#ttlSeconds === undefined || indexed === "0") {
        throw new VaultError("CONFLICT", "Redis put failed: the key exists.");
      }
      // Left over from a session that has expired.
      await this.#redis.multi(index, [
        ["unlink", at],
        ["hdel", index, key],
      ]);
      return this.#put(key, bytes, ifAbsent);
    }
    if (set !== "OK") throw new VaultError("UNAVAILABLE", "Redis put failed: unexpected reply to SET.");
    if (ifAbsent && indexed === "0" && !this.#mayExpireAlone(key)) {
      // The key was created before, and the server has evicted its value: creating it again would rewrite history.
      await this.#redis.multi(index, [["unlink", at]]);
      throw evicted(key);
    }
    await this.#refresh(key);
  }

  async #isIndexed(key: string): Promise<boolean> {
    return (await this.#redis.hget(this.#index(key), key)) !== null;
  }

  /** Values outlive their index, so that a session expires as a whole. */
  #expiry(key: string): string[] {
    if (this.#ttlSeconds === undefined) return [];
    return ["EX", String(isReserved(key) ? this.#ttlSeconds : this.#ttlSeconds * 2)];
  }

  /** Of a session's index only: the index of a reserved segment stays. */
  #indexExpiry(key: string): string[][] {
    return this.#ttlSeconds === undefined || isReserved(key)
      ? []
      : [["expire", this.#index(key), String(this.#ttlSeconds)]];
  }

  /**
   * Whether a value may expire while its key stays in the index: in a reserved segment, where each key has its own
   * time.
   */
  #mayExpireAlone(key: string): boolean {
    return this.#ttlSeconds !== undefined && isReserved(key);
  }

  /**
   * Renews the key that makes the session known. It expires a moment before the session: the other order would be a
   * loss.
   */
  async #keepKnown(key: string): Promise<void> {
    if (this.#ttlSeconds === undefined || isReserved(key)) return;
    const known = this.#at(`_sessions/${key.split("/", 1)[0]}`);
    await this.#redis.multi(known, [["expire", known, String(this.#ttlSeconds)]]);
  }

  /** Renews the expiry of all values of a session: now and then, because they are many. */
  async #refresh(key: string): Promise<void> {
    const [ttlSeconds, index, now] = [this.#ttlSeconds, this.#index(key), performance.now()];
    if (ttlSeconds === undefined || isReserved(key)) return;
    if (now - (this.#refreshed.get(index) ?? Number.NEGATIVE_INFINITY) < (ttlSeconds * 1_000) / 4) return;
    let cursor = "0";
    do {
      const page = await this.#redis.hscan(index, cursor, "*");
      cursor = page.cursor;
      const each = page.entries.map(([one]) => ["expire", this.#at(one), String(ttlSeconds * 2)]);
      await this.#redis.multi(index, [...each, ...this.#indexExpiry(key)]);
    } while (cursor !== "0");
    this.#refreshed.set(index, now);
  }

  #at(key: string): string {
    const [segment = ""] = key.split("/", 1);
    return `${this.#prefix}{${segment}}${key.slice(segment.length)}`;
  }

  #index(key: string): string {
    return `${this.#prefix}{${key.split("/", 1)[0]}}:keys`;
  }

  async #call<T>(what: string, options: CallOptions, work: () => Promise<T>): Promise<T> {
    return request(what, toVaultError, () => withSignal(work, options.signal), options.signal);
  }
}

/** What a {@link RedisStore} takes: the options of its blobs and of its vault. */
export type RedisStoreOptions = RedisBlobsOptions & Omit<VaultOptions, "blobs">;

/** Sessions in a Redis. */
export class RedisStore extends Vault {
  constructor(options: RedisStoreOptions) {
    const { client, prefix, ttlSeconds, maxBlobBytes, ...vault } = options;
    super({ ...vault, blobs: new RedisBlobs({ client, prefix, ttlSeconds, maxBlobBytes }) });
  }
}

/** Whether the key is in a reserved segment, and so of no session alone. */
function isReserved(key: string): boolean {
  return key.startsWith("_");
}

function groupBy<T>(items: readonly T[], nameOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = nameOf(item);
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  return groups;
}

function evicted(key: string): VaultError {
  return new VaultError("CORRUPT", `Redis get failed: the server has lost the value of ${key}.`, {
    hint: "The server evicts or expires keys: set `maxmemory-policy noeviction`, and set no expiry of your own.",
  });
}
