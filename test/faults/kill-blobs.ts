import { FileBlobs } from "../../adapters/fs/index.ts";
import { Mutex } from "../../lib/async/mutex.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../lib/blobs.ts";
import { BLOB_BYTES } from "./kill-life.ts";

/** Where blobs are, in words that travel to another process. */
export type BlobsSpec =
  | { readonly kind: "directory"; readonly directory: string }
  | {
      readonly kind: "redis" | "s3" | "mongo" | "postgres";
      /** Address and credentials of the server. */
      readonly env: Readonly<Record<string, string>>;
      /** Prefix, bucket, collection or table. */
      readonly name: string;
    };

/** Blobs, and how to let go of them. */
export interface OpenBlobs {
  readonly blobs: BlobStore;
  close(): Promise<void> | void;
}

/** Opens blobs of {@link BLOB_BYTES} with a client of their own. */
export async function openBlobs(spec: BlobsSpec): Promise<OpenBlobs> {
  const opened = await open(spec);
  const traits = async (options?: CallOptions): Promise<BlobTraits> => {
    return { ...(await opened.blobs.traits(options)), maxBlobBytes: BLOB_BYTES };
  };
  const { blobs } = opened;
  return {
    ...opened,
    blobs: {
      traits,
      get: (key, options) => blobs.get(key, options),
      put: (key, bytes, options) => blobs.put(key, bytes, options),
      list: (prefix, options) => blobs.list(prefix, options),
      delete: (keys, options) => blobs.delete(keys, options),
    },
  };
}

/** Client libraries are loaded when they are asked for. */
async function open(spec: BlobsSpec): Promise<OpenBlobs> {
  if (spec.kind === "directory") return { blobs: new FileBlobs(spec), close: () => {} };
  const { env, name } = spec;
  if (spec.kind === "s3") {
    const { S3Blobs } = await import("../../adapters/s3/index.ts");
    const { s3Client } = await import("../support/services/clients.ts");
    const client = s3Client({ env });
    return { blobs: new S3Blobs({ client, bucket: name }), close: () => client.destroy() };
  }
  if (spec.kind === "redis") {
    const { RedisBlobs } = await import("../../adapters/redis/index.ts");
    const { Redis } = await import("ioredis");
    const client = new Redis(env.REDIS_URL ?? "");
    return { blobs: new RedisBlobs({ client, prefix: `${name}:` }), close: () => client.disconnect() };
  }
  if (spec.kind === "postgres") {
    const { PostgresBlobs } = await import("../../adapters/postgres/index.ts");
    const { Pool } = (await import("pg")).default;
    const pool = new Pool({ connectionString: env.POSTGRES_URL });
    return { blobs: new PostgresBlobs({ pool, table: name }), close: () => pool.end() };
  }
  const { MongoBlobs } = await import("../../adapters/mongo.ts");
  const { MongoClient } = await import("mongodb");
  const client = new MongoClient(env.MONGODB_URI ?? "");
  return { blobs: new MongoBlobs({ db: client.db("wa_vault"), collection: name }), close: () => client.close() };
}

/** How a process stops: at a step of its requests, or in the middle of a request that changes something. */
export interface StopAt {
  /**
   * `step`: requests are made one after the other; each has two steps, right before it is sent and once it has taken
   * effect. `amid`: requests are made at once as the vault asks for them, and only puts and deletes are counted.
   */
  readonly how: "step" | "amid";
  /** From 0. */
  readonly at: number;
}

/** Blobs that stop their user at one moment, e.g. `after put RemoteAuth-bot/log/0000000000000001`. */
export class StoppingBlobs implements BlobStore {
  readonly #blobs: BlobStore;
  readonly #stopAt: StopAt;
  readonly #stop: (moment: string) => Promise<void>;
  readonly #turns = new Mutex();
  readonly #waiting: { what: RegExp; resolve: () => void }[] = [];
  /** The moments so far, of the kind that is counted. */
  readonly moments: string[] = [];

  /** @param stop is told the moment, and never resolves. */
  constructor(blobs: BlobStore, stopAt: StopAt, stop: (moment: string) => Promise<void>) {
    this.#blobs = blobs;
    this.#stopAt = stopAt;
    this.#stop = stop;
  }

  /** Resolves when a request that begins from now on, and that the pattern matches, has ended. */
  until(what: RegExp): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ what, resolve }));
  }

  traits(options?: CallOptions): Promise<BlobTraits> {
    return this.#request("traits", false, () => this.#blobs.traits(options));
  }

  get(key: string, options?: CallOptions): Promise<Buffer | undefined> {
    return this.#request(`get ${key}`, false, () => this.#blobs.get(key, options));
  }

  put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    return this.#request(`put ${key}`, true, () => this.#blobs.put(key, bytes, options));
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<BlobInfo> {
    yield* await this.#request(`list ${prefix}`, false, async () => {
      const found: BlobInfo[] = [];
      for await (const info of this.#blobs.list(prefix, options)) found.push(info);
      return found;
    });
  }

  delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    return this.#request(`delete ${keys.join(" ")}`, true, () => this.#blobs.delete(keys, options));
  }

  async #request<T>(what: string, isChange: boolean, go: () => Promise<T>): Promise<T> {
    const answer = await this.#make(what, isChange, go);
    for (const waiting of this.#waiting) if (waiting.what.test(what)) waiting.resolve();
    return answer;
  }

  async #make<T>(what: string, isChange: boolean, go: () => Promise<T>): Promise<T> {
    if (this.#stopAt.how === "step") {
      return await this.#turns.run(async () => {
        await this.#step(`before ${what}`);
        const answer = await go();
        await this.#step(`after ${what}`);
        return answer;
      });
    }
    const answer = go();
    answer.catch(() => {});
    if (isChange) await this.#step(`amid ${what}`);
    return await answer;
  }

  async #step(moment: string): Promise<void> {
    if (this.moments.push(moment) - 1 === this.#stopAt.at) await this.#stop(moment);
  }
}
