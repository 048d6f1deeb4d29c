// `tsx test/support/large-session.ts <file|redis|s3|mongo|postgres> <megabytes>`: one session of that size through a store,
// saved three times and restored, in a process of its own; prints the measurements as JSON.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import pg from "pg";
import { FileBlobs } from "../../adapters/fs/index.ts";
import { MongoBlobs } from "../../adapters/mongo.ts";
import { PostgresBlobs } from "../../adapters/postgres/index.ts";
import { RedisBlobs } from "../../adapters/redis/index.ts";
import { S3Blobs } from "../../adapters/s3/index.ts";
import { CountingBlobs, noTraffic } from "../../bench/counting-blobs.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import type { Capture, CaptureFile } from "../../lib/store.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, noise, profileFiles } from "../contract/profile.ts";
import { scratchFolder } from "./scratch.ts";
import {
  newBucket,
  type Service,
  s3Client,
  startMongo,
  startPostgres,
  startRedis,
  startS3,
  unique,
} from "./services/index.ts";

const MB = 1024 * 1024;
const FILE_BYTES = 4 * MB;
const session = "RemoteAuth-large";
const directory = "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.blob/1";

interface Opened {
  blobs: BlobStore;
  close(): Promise<unknown> | unknown;
}

type Opener = (service: Service, folder: string) => Promise<Opened>;

const inFolder = async (): Promise<Service> => ({ name: "file", env: {}, way: "a directory", stop: async () => {} });
const stores: Record<string, readonly [() => Promise<Service>, Opener]> = {
  file: [
    inFolder,
    async (_, folder) => ({ blobs: new FileBlobs({ directory: join(folder, "store") }), close: () => {} }),
  ],
  redis: [startRedis, openRedis],
  s3: [startS3, openS3],
  mongo: [startMongo, openMongo],
  postgres: [startPostgres, openPostgres],
};

async function openRedis({ env }: Service): Promise<Opened> {
  const client = new Redis(env.REDIS_URL ?? "");
  return { blobs: new RedisBlobs({ client, prefix: `${unique()}:` }), close: () => client.disconnect() };
}

async function openS3(service: Service): Promise<Opened> {
  const client = s3Client(service);
  return { blobs: new S3Blobs({ client, bucket: await newBucket(client) }), close: () => client.destroy() };
}

async function openMongo({ env }: Service): Promise<Opened> {
  const client = new MongoClient(env.MONGODB_URI ?? "");
  return { blobs: new MongoBlobs({ db: client.db() }), close: () => client.close() };
}

async function openPostgres({ env }: Service): Promise<Opened> {
  const pool = new pg.Pool({ connectionString: env.POSTGRES_URL });
  return { blobs: new PostgresBlobs({ pool, table: unique() }), close: () => pool.end() };
}

/** A capture of files that are made when they are read, so that only the store's memory is measured. */
function largeCapture(megabytes: number, changed: number): Capture {
  const small = captureOf(profileFiles(`state ${changed}`));
  const files = Array.from({ length: (megabytes * MB) / FILE_BYTES }, (_, n): CaptureFile => {
    const seed = n === 0 ? changed * 1_000_000 : n;
    const read = async (position: number, length: number): Promise<Buffer> =>
      contentOf(seed).subarray(position, position + length);
    return { path: `${directory}/${n}`, size: FILE_BYTES, change: "never", identity: `${n}-${seed}`, read };
  });
  return { ...small, files: [...small.files, ...files] };
}

const pattern = noise(FILE_BYTES);

/** Different for each seed, and as hard to compress as a table of Chromium's. */
function contentOf(seed: number): Buffer {
  const content = Buffer.from(pattern);
  for (let at = 0; at < content.length; at += 512) content.writeUInt32LE((seed * 8_191 + at) >>> 0, at);
  return content;
}

async function measure(blobs: BlobStore, folder: string, megabytes: number): Promise<object> {
  const traffic = noTraffic();
  const counted = async (work: () => Promise<{ ms: number }>): Promise<object> => {
    Object.assign(traffic, noTraffic());
    const { ms } = await work();
    return { ms: Math.round(ms), ...traffic };
  };
  const vault = new Vault({ blobs: new CountingBlobs(blobs, traffic) });
  const lease = await vault.acquire({ session });
  const save = (changed: number) => () =>
    vault.saveProfile({ session, lease, capture: largeCapture(megabytes, changed) });
  const idleMb = Math.round(process.memoryUsage.rss() / MB);
  const first = await counted(save(1));
  const oneFileChanged = await counted(save(2));
  const unchanged = await counted(save(2));
  const into = join(folder, "restored");
  const restore = await counted(() => vault.restoreProfile({ session, into }));
  await lease.release();
  const peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
  if (!(await readFile(join(into, directory, "0"))).equals(contentOf(2_000_000)))
    throw new Error("It is not the same.");
  await vault.delete({ session, retainMs: 0 });
  return { megabytes, idleMb, peakMb, first, oneFileChanged, unchanged, restore };
}

const [kind = "file", megabytes = "100"] = process.argv.slice(2);
const [start, open] = stores[kind] ?? [];
if (start === undefined || open === undefined) throw new Error(`There is no store ${kind}.`);
const folder = scratchFolder("large-");
const service = await start();
try {
  const { blobs, close } = await open(service, folder);
  console.log(JSON.stringify({ kind, way: service.way, ...(await measure(blobs, folder, Number(megabytes))) }));
  await close();
} finally {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
}
