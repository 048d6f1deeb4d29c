import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import pg from "pg";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { FileBlobs } from "../../adapters/fs/index.ts";
import { MongoBlobs } from "../../adapters/mongo.ts";
import { PostgresBlobs } from "../../adapters/postgres/index.ts";
import { RedisBlobs } from "../../adapters/redis/index.ts";
import { S3Blobs } from "../../adapters/s3/index.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import type { VaultError } from "../../lib/errors.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import {
  newBucket,
  type Service,
  s3Client,
  startMongo,
  startPostgres,
  startRedis,
  startS3,
  unique,
} from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";

const session = "RemoteAuth-bot";
const torn = Buffer.from("torn");
const newFolder = useFolder();
let parent: string;

beforeEach(async () => {
  parent = newFolder();
});

/** Damages the newest entry, follows the hint of the error word by word, and checks the result. */
async function damageAndRepair(blobs: BlobStore, damage: (key: string) => Promise<unknown>): Promise<void> {
  const store = open(blobs);
  const lease = await store.acquire({ session });
  for (const value of ["one", "two"]) await save(store, lease, value);
  const { entry = 0 } = (await store.state({ session })) ?? {};
  await damage(`${session}/log/${String(entry).padStart(16, "0")}`);

  for (const call of [
    () => open(blobs).sessionExists({ session }),
    () => open(blobs).acquire({ session }),
    () => open(blobs).delete({ session }),
    () => open(blobs).restoreProfile({ session, into: join(parent, "none") }),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: "CORRUPT", hint: expect.stringContaining("blobs.delete") });
  }
  const error: VaultError = await open(blobs)
    .state({ session })
    .then(
      () => expect.fail("it was read"),
      (cause) => cause,
    );
  const [, key = ""] = /`await blobs\.delete\(\["([^"]+)"\]\)`/.exec(error.hint ?? "") ?? [];
  await blobs.delete([key]);

  assertSameFiles(await restored(blobs, "before"), profileFiles("one"));
  await lease.release();
  const next = open(blobs);
  const again = await next.acquire({ session });
  await save(next, again, "three");
  await next.prune({ session, lease: again });
  assertSameFiles(await restored(blobs, "after"), profileFiles("three"));
}

function open(blobs: BlobStore): Vault {
  return new Vault({ blobs, retryDelayMs: 0 });
}

async function save(store: Vault, lease: Awaited<ReturnType<Vault["acquire"]>>, value: string): Promise<void> {
  await store.saveProfile({ session, lease, capture: captureOf(profileFiles(value)) });
}

async function restored(blobs: BlobStore, name: string): Promise<Files> {
  const into = join(parent, name);
  expect((await open(blobs).restoreProfile({ session, into })).skipped).toEqual([]);
  return filesIn(into);
}

describe("the hint for a damaged newest entry works", () => {
  it("in a directory", async () => {
    const directory = join(parent, "store");
    const blobs = new FileBlobs({ directory });
    await damageAndRepair(blobs, async () => {
      const names = await readdir(directory, { recursive: true });
      const newest = names.filter((name) => name.includes(`${join("log", "0")}`)).sort();
      await writeFile(join(directory, newest.at(-1) ?? ""), torn);
    });
  });
});

await suiteWith<Service>("Redis", shared(startRedis), ({ env }) => {
  const client = new Redis(env.REDIS_URL ?? "");
  afterAll(() => client.disconnect());

  it("the hint for a damaged newest entry works", async () => {
    const blobs = new RedisBlobs({ client, prefix: `${unique()}:` });
    await damageAndRepair(blobs, (key) => blobs.put(key, torn));
  });

  it("the hint for a newest entry that the server has evicted works", async () => {
    const prefix = `${unique()}:`;
    const keyOf = (key: string): string => `${prefix}{${session}}${key.slice(session.length)}`;
    await damageAndRepair(new RedisBlobs({ client, prefix }), async (key) =>
      expect(await client.del(keyOf(key))).toBe(1),
    );
  });
});

await suiteWith<Service>("S3", shared(startS3), (service) => {
  const client = s3Client(service);
  afterAll(() => client.destroy());

  it("the hint for a damaged newest entry works", async () => {
    const blobs = new S3Blobs({ client, bucket: await newBucket(client), prefix: "bots/" });
    await damageAndRepair(blobs, (key) => blobs.put(key, torn));
  });
});

await suiteWith<Service>("MongoDB", shared(startMongo), ({ env }) => {
  const client = new MongoClient(env.MONGODB_URI ?? "");
  afterAll(() => client.close());

  it("the hint for a damaged newest entry works", async () => {
    const blobs = new MongoBlobs({ db: client.db(), collection: unique() });
    await damageAndRepair(blobs, (key) => blobs.put(key, torn));
  });
});

await suiteWith<Service>("PostgreSQL", shared(startPostgres), ({ env }) => {
  const pool = new pg.Pool({ connectionString: env.POSTGRES_URL });
  afterAll(() => pool.end());

  it("the hint for a damaged newest entry works", async () => {
    const blobs = new PostgresBlobs({ pool, table: unique() });
    await damageAndRepair(blobs, (key) => blobs.put(key, torn));
  });
});
