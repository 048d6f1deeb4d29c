import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import pg from "pg";
import { createClient } from "redis";
import { MongoBlobs } from "../../adapters/mongo.ts";
import { PostgresBlobs } from "../../adapters/postgres/index.ts";
import { RedisBlobs } from "../../adapters/redis/index.ts";
import { S3Blobs } from "../../adapters/s3/index.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import { onlyLong } from "../support/length.ts";
import {
  isStandIn,
  newBucket,
  type OwnService,
  s3Client,
  startMinio,
  startOwnMongo,
  startOwnPostgres,
  startOwnRedis,
  startOwnS3,
  startVersity,
  unique,
} from "../support/services/index.ts";

/** A server that can be hurt, and how to reach it by any port: its own, or a bad network's. */
export interface Target {
  readonly name: string;
  start(): Promise<OwnService>;
  /** Blobs under a new prefix, prepared through the server's own port. */
  open(service: OwnService, port?: number): Promise<OpenTarget>;
  /** Whether the server keeps confirmed writes after it was killed. */
  remembers(service: OwnService): boolean;
}

/** Blobs on a target, and how to let go of them. */
export interface OpenTarget {
  readonly blobs: BlobStore;
  close(): Promise<void> | void;
}

const s3: Target = { name: "S3", start: () => startOwnS3(), open: openS3, remembers: () => true };
const minio: Target = { name: "MinIO", start: () => startMinio(), open: openS3, remembers: () => true };
const versity: Target = { name: "versitygw", start: startVersity, open: openS3, remembers: () => true };
const mongo: Target = {
  name: "MongoDB",
  start: startOwnMongo,
  open: openMongo,
  // The Java server writes to its file once a second.
  remembers: (service) => !isStandIn(service),
};
const postgres: Target = {
  name: "PostgreSQL",
  start: () => startOwnPostgres(),
  open: openPostgres,
  remembers: () => true,
};
// By default Redis may answer up to two seconds before it writes.
const startRedis = (): Promise<OwnService> => startOwnRedis(["--appendfsync", "always"]);
const ioredis: Target = { name: "Redis by ioredis", start: startRedis, open: openIoRedis, remembers: () => true };
const nodeRedis: Target = { name: "Redis by node-redis", start: startRedis, open: openNode, remembers: () => true };

/** A server of each kind; in the long run each server, and each client of Redis. */
export const targets: readonly Target[] = [
  s3,
  ...onlyLong(minio, versity),
  mongo,
  postgres,
  ioredis,
  ...onlyLong(nodeRedis),
];
/** Every client on a server of each kind; in the long run on each server. */
export const clients: readonly Target[] = [s3, ...onlyLong(minio, versity), mongo, postgres, ioredis, nodeRedis];

async function openS3(service: OwnService, port = service.port): Promise<OpenTarget> {
  const direct = s3Client(service);
  const bucket = await newBucket(direct);
  direct.destroy();
  const client = s3Client(service, { endpoint: `http://127.0.0.1:${port}`, maxAttempts: 1 });
  return { blobs: new S3Blobs({ client, bucket }), close: () => client.destroy() };
}

async function openMongo(service: OwnService, port = service.port): Promise<OpenTarget> {
  const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: 1_000,
    // By itself the driver takes up to 40 s to see that a line which was bad is good again.
    connectTimeoutMS: 2_000,
    heartbeatFrequencyMS: 500,
    serverMonitoringMode: "poll",
  });
  return { blobs: new MongoBlobs({ db: client.db("wa_vault"), collection: unique() }), close: () => client.close() };
}

async function openPostgres({ env, port: own }: OwnService, port = own): Promise<OpenTarget> {
  const connectionString = env.POSTGRES_URL?.replace(`:${own}/`, `:${port}/`);
  const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 2_000 });
  return { blobs: new PostgresBlobs({ pool, table: unique() }), close: () => pool.end() };
}

async function openIoRedis(service: OwnService, port = service.port): Promise<OpenTarget> {
  const client = new Redis(port, "127.0.0.1", { retryStrategy: () => 100 });
  client.on("error", () => {});
  return { blobs: new RedisBlobs({ client, prefix: `${unique()}:` }), close: () => client.disconnect() };
}

async function openNode(service: OwnService, port = service.port): Promise<OpenTarget> {
  const client = createClient({ socket: { port, host: "127.0.0.1", reconnectStrategy: 100 } });
  client.on("error", () => {});
  await client.connect();
  return { blobs: new RedisBlobs({ client, prefix: `${unique()}:` }), close: () => client.destroy() };
}
