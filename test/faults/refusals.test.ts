import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  PutBucketAclCommand,
  PutBucketPolicyCommand,
  PutObjectAclCommand,
  type S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { MongoBlobs } from "../../adapters/mongo.ts";
import { RedisBlobs, RedisStore } from "../../adapters/redis/index.ts";
import { S3Blobs, S3Store } from "../../adapters/s3/index.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { onlyLong } from "../support/length.ts";
import { canMount, mountMemory } from "../support/mount.ts";
import {
  command,
  newBucket,
  type OwnService,
  s3Client,
  startMinio,
  startOwnRedis,
  startOwnS3,
  startVersity,
  unique,
} from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";

const newFolder = useFolder();
const DENIED = { code: "DENIED", retryable: false };

type Start = (options?: { root?: string }) => Promise<OwnService>;

const s3Servers: [name: string, start: Start][] = [
  ["S3", startOwnS3],
  ...onlyLong<[string, Start]>(["MinIO", startMinio], ["versitygw", startVersity]),
];
for (const [name, start] of s3Servers) {
  await suiteWith<OwnService>(name, start, (service) => {
    const client = s3Client(service, { maxAttempts: 1 });
    let bucket: string;
    beforeAll(async () => {
      bucket = await newBucket(client);
      await new S3Blobs({ client, bucket }).put("s/log/1", Buffer.from("kept"));
    });
    afterAll(() => client.destroy());
    const withClient = async (settings: S3ClientConfig, work: (blobs: BlobStore) => Promise<void>): Promise<void> => {
      const other = s3Client(service, { maxAttempts: 1, ...settings });
      await work(new S3Blobs({ client: other, bucket })).finally(() => other.destroy());
    };

    it("wrong credentials are denied, not an absence", async () => {
      const credentials = { accessKeyId: service.env.AWS_ACCESS_KEY_ID ?? "", secretAccessKey: "wrong" };
      await withClient({ credentials }, (blobs) => expectAllDenied(blobs));
      await withClient({ credentials: { ...credentials, accessKeyId: "nobody" } }, (blobs) => expectAllDenied(blobs));
    });

    it("credentials that may only read: reads answer, writes are denied and change nothing", async () => {
      await letEverybodyRead(client, bucket);
      // Without credentials: the request goes out unsigned.
      const anonymous = { signer: { sign: async <T>(request: T): Promise<T> => request } } as S3ClientConfig;
      await withClient(anonymous, async (blobs) => {
        expect(String(await blobs.get("s/log/1"))).toBe("kept");
        expect(await blobs.get("s/log/2")).toBeUndefined();
        await expect(blobs.put("s/log/1", Buffer.from("other"))).rejects.toMatchObject(DENIED);
        await expect(blobs.put("s/log/2", Buffer.from("x"), { ifAbsent: true })).rejects.toMatchObject(DENIED);
        await expect(blobs.delete(["s/log/1"])).rejects.toMatchObject({ ...DENIED, hint: /s3:DeleteObject/ });
      });
      expect(String(await new S3Blobs({ client, bucket }).get("s/log/1"))).toBe("kept");
      expect(await new S3Blobs({ client, bucket }).get("s/log/2")).toBeUndefined();
    });

    it("a bucket that does not exist is a mistake to correct, not an empty store", async () => {
      const blobs = new S3Blobs({ client, bucket: `never-${unique()}` });
      const missing = { code: "INVALID", retryable: false, hint: /Create the bucket/ };
      await expect(blobs.get("s/log/1")).rejects.toMatchObject(missing);
      await expect(blobs.put("s/log/1", Buffer.from("x"))).rejects.toMatchObject(missing);
      await expect(keysOf(blobs, "s/")).rejects.toMatchObject(missing);
      await expect(blobs.traits()).rejects.toMatchObject(missing);
      const store = new S3Store({ client, bucket: `never-${unique()}`, retries: 0 });
      await expect(store.sessionExists({ session: "RemoteAuth" })).rejects.toMatchObject(missing);
    });
  });
}

await suiteWith<OwnService>("Redis with users", startOwnRedis, (service) => {
  const clients: Redis[] = [];
  const as = (username: string, password: string): RedisBlobs => {
    const client = new Redis({ port: service.port, host: "127.0.0.1", username, password });
    client.on("error", () => {});
    clients.push(client);
    return new RedisBlobs({ client });
  };
  beforeAll(async () => {
    await as("default", "").put("s/log/1", Buffer.from("kept"));
    const rights = ["~*", "+get", "+hget", "+hscan", "+multi", "+exec", "+ping"];
    await command(service.port, ["ACL", "SETUSER", "reader", "on", ">secret", ...rights]);
    await command(service.port, ["ACL", "SETUSER", "admin", "on", ">admin", "+@all"]);
    await command(service.port, ["ACL", "SETUSER", "default", "off"]);
  });
  afterAll(() => {
    for (const client of clients) client.disconnect();
  });

  it("a user that may only read: reads answer, writes are denied and change nothing", async () => {
    const blobs = as("reader", "secret");
    expect(await blobs.traits()).toMatchObject({ exclusiveCreate: true });
    expect(String(await blobs.get("s/log/1"))).toBe("kept");
    expect(await keysOf(blobs, "s/")).toEqual(["s/log/1"]);
    await expect(blobs.put("s/log/1", Buffer.from("other"))).rejects.toMatchObject(DENIED);
    await expect(blobs.put("s/log/2", Buffer.from("x"), { ifAbsent: true })).rejects.toMatchObject(DENIED);
    await expect(blobs.delete(["s/log/1"])).rejects.toMatchObject(DENIED);
    expect(String(await blobs.get("s/log/1"))).toBe("kept");
    expect(await keysOf(blobs, "s/")).toEqual(["s/log/1"]);
  });

  it("the user of docs/stores.md may do all that a store does", async () => {
    const [, rights = ""] = /ACL SETUSER wa-vault on >… (.+)/.exec(readFileSync("docs/stores.md", "utf8")) ?? [];
    const admin = new Redis({ port: service.port, host: "127.0.0.1", username: "admin", password: "admin" });
    clients.push(admin);
    await admin.call("ACL", "SETUSER", "wa-vault", "on", ">secret", ...rights.split(" "));
    const login = { username: "wa-vault", password: "secret" };
    const io = new Redis({ port: service.port, host: "127.0.0.1", ...login });
    clients.push(io);
    const node = createClient({ socket: { port: service.port, host: "127.0.0.1" }, ...login });
    await node.connect();
    for (const [session, client] of Object.entries({ io, node })) {
      const store = new RedisStore({ client, ttlSeconds: 1000, retries: 0 });
      const lease = await store.acquire({ session });
      await store.saveProfile({ session, lease, capture: captureOf(profileFiles("state")) });
      await store.prune({ session, lease });
      expect(await store.sessionExists({ session })).toBe(true);
      await store.delete({ session, lease, retainMs: 0 });
      await lease.release();
    }
    node.destroy();
  });

  it("a wrong password is denied, and neither it nor a value is in the error", async () => {
    const error = await as("reader", "wrong-password")
      .put("s/log/1", Buffer.from("some value"))
      .catch((e) => e);
    expect(error).toMatchObject(DENIED);
    expect(JSON.stringify([error, error.cause, String(error.stack)])).not.toMatch(/wrong-password|some value/);
  });
});

await suiteWith<OwnService>(
  "Redis with 24 MB",
  () => startOwnRedis(["--maxmemory", "24mb"]),
  (service) => {
    const client = new Redis(service.port, "127.0.0.1");
    const node = createClient({ url: service.env.REDIS_URL ?? "" });
    beforeAll(async () => {
      await node.connect();
    });
    afterAll(() => {
      client.disconnect();
      node.destroy();
    });

    for (const [name, blobs] of [
      ["ioredis", new RedisBlobs({ client, prefix: "io:" })],
      ["node-redis", new RedisBlobs({ client: node, prefix: "node:" })],
    ] as const) {
      it(`full, by ${name}: the put that does not fit throws, and its key is absent`, async () => {
        await client.flushall();
        const stored: string[] = [];
        const fill = async (): Promise<void> => {
          for (let n = 0; n < 40; n++) {
            await blobs.put(`s/chunks/${n}`, Buffer.alloc(1_000_000, n), { ifAbsent: true });
            stored.push(`s/chunks/${n}`);
          }
        };
        await expect(fill()).rejects.toMatchObject({ code: "UNAVAILABLE", hint: /out of memory/ });
        expect(await keysOf(blobs, "s/")).toEqual(stored.sort());
        expect(await blobs.get(`s/chunks/${stored.length}`)).toBeUndefined();
        for (const key of stored) expect((await blobs.get(key))?.length).toBe(1_000_000);
      });
    }

    it("set to evict: every write is refused", async () => {
      await client.config("SET", "maxmemory-policy", "allkeys-random");
      const refused = { code: "INVALID", hint: /noeviction/ };
      await expect(new RedisBlobs({ client }).traits()).rejects.toMatchObject(refused);
      await expect(new RedisBlobs({ client: node }).traits()).rejects.toMatchObject(refused);
      const store = new RedisStore({ client, retries: 0 });
      await expect(store.acquire({ session: "RemoteAuth" })).rejects.toMatchObject(refused);
    });

    it("set to evict after the start: an evicted session is CORRUPT, never absent", async () => {
      const blobs = new RedisBlobs({ client, prefix: "evict:" });
      const numbers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
      for (let round = 0; round < 50; round++) {
        await client.config("SET", "maxmemory", "24mb", "maxmemory-policy", "noeviction");
        await client.flushall();
        for (const n of numbers) await blobs.put(`s/chunks/${n}`, Buffer.alloc(1_000_000, n));
        await client.config("SET", "maxmemory-policy", "allkeys-random", "maxmemory", "8mb");
        await client.set("one more", "write");
        await client.config("SET", "maxmemory-policy", "noeviction", "maxmemory", "0");
        // Now and then the index is chosen, which nothing can notice: that is why such a server is refused.
        if ((await client.exists("evict:{s}:keys")) === 0) continue;
        const read = (n: number): Promise<unknown> =>
          blobs.get(`s/chunks/${n}`).then(
            (found) => found?.length,
            (error) => error.code,
          );
        const found = await Promise.all(numbers.map(read));
        expect(new Set(found)).toEqual(new Set([1_000_000, "CORRUPT"]));
        return;
      }
      throw new Error("The index was chosen every time.");
    });
  },
);

describe.runIf(canMount())("a full disk", () => {
  const disks: [name: string, start: Start][] = [
    ["S3", startOwnS3],
    ...onlyLong<[string, Start]>(["MinIO", startMinio]),
  ];
  it.each(disks)("%s: a put that does not fit is refused, and its key is absent", async (_name, start) => {
    const service = await start({ root: smallDisk() });
    const client = s3Client(service, { maxAttempts: 1 });
    try {
      const blobs = new S3Blobs({ client, bucket: await newBucket(client) });
      await expectFull(blobs);
    } finally {
      client.destroy();
      await service.stop();
    }
  });
});

describe("MongoDB's refusals", () => {
  // Not every server that speaks the protocol has users without rights; the answers of a real MongoDB are known.
  const answering = (error: object): MongoBlobs => {
    const fail = (): Promise<never> => Promise.reject(Object.assign(new Error("refused"), error));
    const collection = { findOne: fail, insertOne: fail, replaceOne: fail, deleteMany: fail };
    return new MongoBlobs({ db: { collection: () => collection } });
  };

  it("a missing right is denied", async () => {
    for (const code of [13, 18, 8000]) {
      const blobs = answering({ name: "MongoServerError", code });
      await expect(blobs.get("s/a")).rejects.toMatchObject({ ...DENIED, hint: /find, insert, update and remove/ });
      await expect(blobs.put("s/a", Buffer.from("x"), { ifAbsent: true })).rejects.toMatchObject(DENIED);
    }
  });

  it("a full disk and a primary that steps down are outages", async () => {
    for (const code of [14031, 189, 11602]) {
      const blobs = answering({ name: "MongoServerError", code });
      await expect(blobs.put("s/a", Buffer.from("x"))).rejects.toMatchObject({ code: "UNAVAILABLE", retryable: true });
    }
  });
});

async function expectAllDenied(blobs: BlobStore): Promise<void> {
  await expect(blobs.get("s/log/1")).rejects.toMatchObject(DENIED);
  await expect(blobs.get("s/nothing")).rejects.toMatchObject(DENIED);
  await expect(blobs.put("s/log/1", Buffer.from("x"))).rejects.toMatchObject(DENIED);
  await expect(blobs.delete(["s/log/1"])).rejects.toMatchObject(DENIED);
  await expect(keysOf(blobs, "s/")).rejects.toMatchObject(DENIED);
}

async function expectFull(blobs: BlobStore): Promise<void> {
  const bytes = Buffer.alloc(4_000_000, "x");
  const stored: string[] = [];
  const fill = async (): Promise<void> => {
    for (let n = 0; n < 40; n++) {
      await blobs.put(`s/chunks/${n}`, bytes, { ifAbsent: true });
      stored.push(`s/chunks/${n}`);
    }
  };
  await expect(fill()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect((await keysOf(blobs, "s/")).sort()).toEqual(stored.sort());
  expect(await blobs.get(`s/chunks/${stored.length}`)).toBeUndefined();
  for (const key of stored) expect((await blobs.get(key))?.equals(bytes)).toBe(true);
}

/** By a policy, or where the server knows none by the rights of the bucket and of what is in it. */
async function letEverybodyRead(client: S3Client, Bucket: string): Promise<void> {
  try {
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(readOnlyPolicy(Bucket)) }));
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "NotImplemented") throw error;
    await client.send(new PutBucketAclCommand({ Bucket, ACL: "public-read" }));
    await client.send(new PutObjectAclCommand({ Bucket, Key: "s/log/1", ACL: "public-read" }));
  }
}

/** The policy of docs/stores.md without what writes. */
function readOnlyPolicy(bucket: string): object {
  const Principal = { AWS: ["*"] };
  return {
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal, Action: ["s3:ListBucket"], Resource: [`arn:aws:s3:::${bucket}`] },
      { Effect: "Allow", Principal, Action: ["s3:GetObject"], Resource: [`arn:aws:s3:::${bucket}/*`] },
    ],
  };
}

async function keysOf(blobs: BlobStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of blobs.list(prefix)) keys.push(key);
  return keys.sort();
}

/** A file system of 64 MB. */
function smallDisk(): string {
  const directory = newFolder();
  mountMemory(directory, "64m");
  onTestFinished(() => void execFileSync("umount", ["--lazy", directory]));
  return directory;
}
