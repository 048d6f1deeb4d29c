import { createRequire } from "node:module";
import type { SessionStore } from "../../lib/store.ts";
import type { Encryption } from "../../lib/vault/encryption.ts";
import type { VaultOptions } from "../../lib/vault/vault.ts";

/** Ours by the name of the backend, and the published ones that are in use. */
export type StoreKind = "file" | "s3" | "mongo" | "redis" | "postgres" | "address" | "wwebjs-mongo" | "wwebjs-aws-s3";

/** A store, in words that travel to another process. */
export interface StoreSpec {
  kind: StoreKind;
  /** Folder of a `file` store. */
  directory?: string;
  /** Of an `address` store. */
  address?: string;
  /** Address and credentials of the server, as a service's `env`. */
  env?: Readonly<Record<string, string>>;
  /** Keeps stores on one server apart: lower-case letters and digits. */
  name?: string;
  /** Where the strategy leaves its zips, for those that do not say. */
  dataPath?: string;
  /** How long leases of our stores last, in milliseconds. @default 60000 */
  leaseTtlMs?: number;
  /** Of our stores, with keys as text. @default none */
  encryption?: Encryption | undefined;
}

/**
 * Opens a store with a client of its own, which lasts as long as the process.
 * Libraries are loaded when they are asked for, so that a bot carries none that it does not use.
 */
export async function openStore(spec: StoreSpec): Promise<SessionStore> {
  return await stores[spec.kind](spec);
}

const stores: Record<StoreKind, (spec: StoreSpec) => Promise<SessionStore>> = {
  async file({ directory, ...vault }) {
    if (!directory) throw new Error("A file store needs a directory.");
    const { FileStore } = await import("../../adapters/fs/index.ts");
    return new FileStore({ directory, ...vaultOptions(vault) });
  },
  async s3({ env, name, ...vault }) {
    const { S3Store } = await import("../../adapters/s3/index.ts");
    const { client, bucket } = await s3(env, name);
    return new S3Store({ client, bucket, ...vaultOptions(vault) });
  },
  async mongo({ env, name, ...vault }) {
    const { MongoStore } = await import("../../adapters/mongo.ts");
    return new MongoStore({ mongoose: await connected(env), collection: name, ...vaultOptions(vault) });
  },
  async redis({ env, name, ...vault }) {
    const { RedisStore } = await import("../../adapters/redis/index.ts");
    const { Redis } = await import("ioredis");
    return new RedisStore({
      client: new Redis(variable(env, "REDIS_URL")),
      prefix: `${name}:`,
      ...vaultOptions(vault),
    });
  },
  async postgres({ env, name, ...vault }) {
    const { PostgresStore } = await import("../../adapters/postgres/index.ts");
    const { Pool } = (await import("pg")).default;
    const pool = new Pool({ connectionString: variable(env, "POSTGRES_URL") });
    return new PostgresStore({ pool, table: name, ...vaultOptions(vault) });
  },
  async address({ address, ...vault }) {
    const { storeFromUrl } = await import("../../address/store-from-url.ts");
    return await storeFromUrl(address, vaultOptions(vault));
  },
  async "wwebjs-mongo"({ env }) {
    const { MongoStore } = published("wwebjs-mongo");
    return new MongoStore({ mongoose: await connected(env) });
  },
  async "wwebjs-aws-s3"({ env, name }) {
    const { AwsS3Store } = published("wwebjs-aws-s3");
    const sdk = await import("@aws-sdk/client-s3");
    const { client, bucket } = await s3(env, name);
    return new AwsS3Store({
      bucketName: bucket,
      remoteDataPath: "sessions",
      s3Client: client,
      putObjectCommand: sdk.PutObjectCommand,
      headObjectCommand: sdk.HeadObjectCommand,
      getObjectCommand: sdk.GetObjectCommand,
      deleteObjectCommand: sdk.DeleteObjectCommand,
    });
  },
};

function vaultOptions({ dataPath, leaseTtlMs, encryption }: Partial<StoreSpec>): VaultOptions {
  return { dataPath, leaseTtlMs, encryption };
}

/** The types of these packages do not declare their options. */
function published(name: string): Published {
  return createRequire(import.meta.url)(name) as Published;
}

interface Published {
  MongoStore: new (options: object) => SessionStore;
  AwsS3Store: new (options: object) => SessionStore;
}

async function s3(env: StoreSpec["env"], bucket = "sessions") {
  const { CreateBucketCommand, S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client({
    endpoint: variable(env, "S3_ENDPOINT"),
    region: variable(env, "AWS_REGION"),
    credentials: {
      accessKeyId: variable(env, "AWS_ACCESS_KEY_ID"),
      secretAccessKey: variable(env, "AWS_SECRET_ACCESS_KEY"),
    },
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket })).catch((error: Error) => {
    if (!["BucketAlreadyOwnedByYou", "BucketAlreadyExists"].includes(error.name)) throw error;
  });
  return { client, bucket };
}

async function connected(env: StoreSpec["env"]) {
  const { Mongoose } = (await import("mongoose")).default;
  // One of its own: the one that comes with the library has one connection for all of the process.
  return await new Mongoose().connect(variable(env, "MONGODB_URI"));
}

function variable(env: StoreSpec["env"], name: string): string {
  const value = env?.[name];
  if (!value) throw new Error(`The store needs ${name}.`);
  return value;
}
