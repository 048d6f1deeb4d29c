import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { forEachConcurrent } from "../../lib/async/semaphore.ts";
import { assertKey, assertPrefix } from "../../lib/blobs/keys.ts";
import { assertSize, request } from "../../lib/blobs/request.ts";
import { type Listing, settled } from "../../lib/blobs/settled.ts";
import { checkMaxBlobBytes, LARGEST_BLOB_BYTES, type MaxBlobBytes } from "../../lib/blobs/size.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../lib/blobs.ts";
import { invalidOption, isVaultError, VaultError } from "../../lib/errors.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { Condition } from "./condition.ts";
import { isAbsence, isNotImplemented, NOT_S3, nameOf, toVaultError } from "./errors.ts";

/** What {@link S3Blobs} takes. */
export interface S3BlobsOptions extends MaxBlobBytes {
  /** A client of yours, from `@aws-sdk/client-s3`; it is never closed. */
  client: S3Client;
  /** Name of the bucket. It has to exist. */
  bucket: string;
  /** Put before every key; end it with `/` for a folder. @default "" */
  prefix?: string | undefined;
}

/** One PutObject may be 5 GiB, but a blob is held in memory. */
const MAX_BLOB_BYTES = 16 * 1024 * 1024;
/** Deletes under way at a time: single ones, because clones differ in bulk deletes. */
const DELETES_AT_ONCE = 8;
/** Stays in a bucket that honours `If-None-Match`, so that the probe of a later start takes two requests. */
const PROBE_KEY = "_vault/exclusive-create";
const PROBE_CONTENT: Buffer = Buffer.from("This bucket honours If-None-Match. This object may be deleted.\n");
const PROBE_RACERS = 8;
/** The errors of a lost race. */
const LOST_RACE = new Set(["PreconditionFailed", "ConditionalRequestConflict"]);

/** Blobs as objects of a bucket, on S3 or on a server that speaks its protocol. */
export class S3Blobs implements BlobStore {
  readonly keepsNoBuffers = true;
  readonly kind = "s3";
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #maxBlobBytes: number;
  #exclusiveCreate: boolean | undefined;
  readonly #condition = new Condition();

  constructor(options: S3BlobsOptions) {
    const { client, bucket, prefix = "", maxBlobBytes } = options;
    if (typeof client?.send !== "function") throw invalidOption("client", "an S3Client", client);
    if (typeof bucket !== "string" || bucket === "") throw invalidOption("bucket", "the name of a bucket", bucket);
    if (typeof prefix !== "string") throw invalidOption("prefix", "a string", prefix);
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#maxBlobBytes = checkMaxBlobBytes(maxBlobBytes, MAX_BLOB_BYTES);
  }

  async traits(options: CallOptions = {}): Promise<BlobTraits> {
    options.signal?.throwIfAborted();
    this.#exclusiveCreate ??= await this.#probe(options);
    const traits = { maxBlobBytes: this.#maxBlobBytes, exclusiveCreate: this.#exclusiveCreate };
    return this.#exclusiveCreate ? traits : { ...traits, exclusiveCreateHint: this.#condition.hint };
  }

  async get(key: string, options: CallOptions = {}): Promise<Buffer | undefined> {
    assertKey(key);
    return this.#call("get", options, async (abortSignal) => {
      try {
        const answer = await this.#client.send(new GetObjectCommand(this.#at(key)), { abortSignal });
        const bytes = await bytesOf(answer);
        if (answer.ContentLength !== undefined && answer.ContentLength !== bytes.length) {
          const why = `${bytes.length} of ${answer.ContentLength} bytes were received`;
          throw new VaultError("UNAVAILABLE", `S3 get failed: ${why}.`);
        }
        return bytes;
      } catch (error) {
        if (isAbsence(error)) return undefined;
        throw error;
      }
    });
  }

  async put(key: string, bytes: Buffer, options: PutOptions = {}): Promise<void> {
    assertKey(key);
    assertSize("S3 put failed", bytes, this.#maxBlobBytes);
    // Where the header would be ignored or refused, looking first is all that can be done, and the traits say so.
    const looksFirst = options.ifAbsent === true && this.#exclusiveCreate === false;
    if (looksFirst && (await this.get(key, options)) !== undefined) {
      throw new VaultError("CONFLICT", "S3 put failed: the key exists.");
    }
    await this.#put(key, bytes, options.ifAbsent === true && !looksFirst, options);
  }

  /**
   * In order, so only the last page decides which key is the largest. S3 makes a page of one moment; other servers of its
   * API read a directory and then each file, or merge parts of an index: their last page is read until it settles.
   */
  async *list(prefix: string, options: CallOptions = {}): AsyncIterable<BlobInfo> {
    assertPrefix(prefix);
    let token: string | undefined;
    do {
      const from = token;
      let page = await this.#page(prefix, from, options);
      token = page.next;
      if (token === undefined) {
        const first = page;
        let pages = 0;
        const again = async (): Promise<Listing<BlobInfo>> => {
          page = pages++ === 0 ? first : await this.#page(prefix, from, options);
          return page;
        };
        yield* (await settled(again)).values();
        token = page.next;
      } else {
        yield* page.found.values();
      }
    } while (token !== undefined);
  }

  async delete(keys: readonly string[], options: CallOptions = {}): Promise<void> {
    for (const key of keys) assertKey(key);
    options.signal?.throwIfAborted();
    const refused: unknown[] = [];
    const remove = async (key: string, signal: AbortSignal): Promise<void> => {
      const command = new DeleteObjectCommand(this.#at(key));
      const removed = this.#call("delete", { signal }, async (abortSignal) => {
        await this.#client.send(command, { abortSignal }).catch((error) => {
          if (!isAbsence(error)) throw error;
        });
      });
      // A key that is refused for good, by a lock or a policy, must not keep the other keys. An outage ends the batch.
      await removed.catch((error: unknown) => {
        if (signal.aborted || !isVaultError(error) || error.retryable) throw error;
        refused.push(error);
      });
    };
    await forEachConcurrent(keys, DELETES_AT_ONCE, remove, options.signal);
    if (refused.length > 0) throw refused[0];
  }

  /**
   * Whether `If-None-Match` excludes. Some clones ignore it, some refuse it, and some look first and write later, so
   * that all racers win: only a race shows it. A success is remembered in the bucket.
   */
  async #probe(options: CallOptions): Promise<boolean> {
    const known = await this.get(PROBE_KEY, options);
    if (known !== undefined && (await this.#race(PROBE_KEY, 1, options)) === 0) return true;
    const key = `${PROBE_KEY}-${randomUUID()}`;
    const winners = await this.#race(key, PROBE_RACERS, options);
    await this.delete([key], options);
    if (winners === 1) await this.#put(PROBE_KEY, PROBE_CONTENT, false, options);
    return winners === 1;
  }

  /** The number of exclusive puts of one key that succeed, of `racers` at once; all, where the condition is refused. */
  async #race(key: string, racers: number, options: CallOptions): Promise<number> {
    const puts = Array.from({ length: racers }, () => this.#put(key, PROBE_CONTENT, true, options));
    const results = await Promise.allSettled(puts);
    const errors = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    const refused = errors.filter((error) => !LOST_RACE.has(nameOf(error.cause)));
    if (refused.length === 0) return racers - errors.length;
    for (const error of refused) {
      if (isNotImplemented(error.cause)) continue;
      // Some servers have another word for a header that they do not know: then the same put without it succeeds.
      if (!isVaultError(error, "INVALID")) throw error;
      await this.#put(key, PROBE_CONTENT, false, options).catch(() => {
        throw error;
      });
    }
    this.#condition.refuse();
    return racers;
  }

  async #put(key: string, bytes: Buffer, ifAbsent: boolean, options: CallOptions): Promise<void> {
    const command = new PutObjectCommand({
      ...this.#at(key),
      Body: bytes,
      ContentLength: bytes.length,
      ...(ifAbsent ? { IfNoneMatch: "*" } : {}),
    });
    if (ifAbsent) this.#condition.watch(command);
    await this.#call("put", options, (abortSignal) => this.#client.send(command, { abortSignal }));
  }

  async #page(
    prefix: string,
    from: string | undefined,
    options: CallOptions,
  ): Promise<Listing<BlobInfo> & { next: string | undefined }> {
    const page = new ListObjectsV2Command({
      Bucket: this.#bucket,
      Prefix: this.#prefix + prefix,
      ...(from === undefined ? {} : { ContinuationToken: from }),
    });
    const answer = await this.#call("list", options, (abortSignal) => this.#client.send(page, { abortSignal }));
    // Every S3 server says whether there is more. A page of a proxy does not, and would pass for an empty listing.
    if (answer.IsTruncated === undefined && answer.Name === undefined) {
      throw new VaultError("UNAVAILABLE", "S3 list failed: the answer is no listing.", { hint: NOT_S3 });
    }
    const found = new Map<string, BlobInfo>();
    for (const { Key, Size: size = 0, LastModified: modifiedAt = new Date(0) } of answer.Contents ?? []) {
      const key = Key?.slice(this.#prefix.length);
      if (key !== undefined) found.set(key, { key, size, modifiedAt });
    }
    if (answer.IsTruncated && answer.NextContinuationToken === undefined) {
      throw new VaultError("UNAVAILABLE", "S3 list failed: the listing is cut, and has no token to continue it.");
    }
    return { found, next: answer.NextContinuationToken };
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  async #call<T>(what: string, options: CallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = options.signal ?? new AbortController().signal;
    return request(what, toVaultError, () => work(signal), signal);
  }
}

/**
 * The bytes of an answer.
 * @throws `CORRUPT` for more than a blob has, before they fill the memory: a server, or a proxy, may send without an end
 */
async function bytesOf({ Body: body, ContentLength: length = 0 }: GetObjectCommandOutput): Promise<Buffer> {
  // In Node.js a stream; other handlers of requests have what can be taken as a whole only.
  if (!(body instanceof Readable)) return Buffer.from((await body?.transformToByteArray()) ?? []);
  const parts: Buffer[] = [];
  let bytes = 0;
  const count = (more: number): void => {
    bytes += more;
    if (Math.max(bytes, length) <= LARGEST_BLOB_BYTES) return;
    body.destroy();
    throw new VaultError("CORRUPT", `S3 get failed: the value has more than ${LARGEST_BLOB_BYTES} bytes.`);
  };
  count(0);
  for await (const part of body) {
    count(part.length);
    parts.push(part);
  }
  return Buffer.concat(parts, bytes);
}

/** What an {@link S3Store} takes: the options of its blobs and of its vault. */
export type S3StoreOptions = S3BlobsOptions & Omit<VaultOptions, "blobs">;

/** Sessions in an S3 bucket. */
export class S3Store extends Vault {
  constructor(options: S3StoreOptions) {
    const { client, bucket, prefix, maxBlobBytes, ...vault } = options;
    super({ ...vault, blobs: new S3Blobs({ client, bucket, prefix, maxBlobBytes }) });
  }
}
