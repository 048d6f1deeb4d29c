import dns from "node:dns";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { S3Client } from "@aws-sdk/client-s3";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { MongoStore } from "../../adapters/mongo.ts";
import { PostgresStore } from "../../adapters/postgres/index.ts";
import { RedisStore } from "../../adapters/redis/index.ts";
import { S3Store } from "../../adapters/s3/index.ts";
import { s3Servers } from "../adapters/s3-servers.ts";
import { useFolder } from "../support/folder.ts";
import {
  newBucket,
  type Service,
  s3Client,
  startMongo,
  startPostgres,
  startRedis,
  unique,
} from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { expectNoSecret } from "./support/refused.ts";
import { expectIn, expectSameStore, open, saveIn, session } from "./support/same-session.ts";

/** Arguments of `dns.lookup`. */
type Lookup = [name: string, options: { all?: boolean }, done: (...found: unknown[]) => void];

describe("a directory by its address", () => {
  const folder = useFolder();

  it("is the directory of a FileStore", async () => {
    const directory = join(folder(), "my sessions");
    await expectSameStore(`file:${directory}`, new FileStore({ directory }));
    await expectSameStore(
      pathToFileURL(join(directory, "50%")).href,
      new FileStore({ directory: join(directory, "50%") }),
    );
  });

  it("may come as a URL, and takes the options of every store", async () => {
    const directory = join(folder(), "sessions");
    const store = await open(pathToFileURL(directory).href, { keep: 2, maxBlobBytes: 1024 * 1024 });
    await saveIn(store, "one");
    await expectIn(new FileStore({ directory }), "one");
    await expect(open(`file:${directory}`, { keep: -1 })).rejects.toMatchObject({ code: "INVALID", message: /keep/ });
    await expect(open(`file:${directory}`, { maxBlobBytes: 5 })).rejects.toMatchObject({ code: "INVALID" });
  });

  it("encrypts with the key of the environment, and with that of its options first", async () => {
    const directory = join(folder(), "sessions");
    const [key, other] = [Buffer.alloc(32, "k1").toString("hex"), Buffer.alloc(32, "k2").toString("base64")];
    await saveIn(await open(`file:${directory}`, { env: { WA_VAULT_KEY: key } }), "one");
    await expectIn(new FileStore({ directory, encryption: { key } }), "one");
    const without = await open(`file:${directory}`);
    await expect(without.state({ session })).rejects.toMatchObject({ code: "WRONG_KEY" });
    await expectIn(await open(`file:${directory}`, { env: { WA_VAULT_KEY: other }, encryption: { key } }), "one");
    await expectIn(await open(`file:${directory}`, { env: { WA_VAULT_KEY: `${other},${key}` } }), "one");
  });
});

for (const [name, start] of s3Servers) {
  await suiteWith<Service>(`${name} by its address`, shared(start), (service) => {
    const { S3_ENDPOINT = "", ...credentials } = service.env;
    const before = { ...process.env };
    let client: S3Client;
    let bucket = "";
    beforeAll(async () => {
      Object.assign(process.env, credentials);
      client = s3Client(service);
      bucket = await newBucket(client);
    });
    afterAll(() => {
      client.destroy();
      for (const variable of Object.keys(credentials)) {
        if (before[variable] === undefined) delete process.env[variable];
        else process.env[variable] = before[variable];
      }
    });

    it("is the bucket and the prefix of an S3Store", async () => {
      const folder = unique();
      const byHand = new S3Store({ client, bucket, prefix: `${folder}/my bots/` });
      const { href } = new URL(`s3://${bucket}/${folder}/my%20bots/?endpoint=${S3_ENDPOINT}`);
      await expectSameStore(href, byHand);
    });

    it("without a folder is the whole bucket, and finds its server in the environment", async () => {
      const own = await newBucket(client);
      process.env.AWS_ENDPOINT_URL_S3 = S3_ENDPOINT;
      try {
        await expectSameStore(`s3://${own}?region=us-east-1`, new S3Store({ client, bucket: own }));
      } finally {
        delete process.env.AWS_ENDPOINT_URL_S3;
      }
    });

    it("that has no such bucket, or other credentials, is told with its address", async () => {
      const absent = await open(`s3://wa-vault-${unique()}/x?endpoint=${S3_ENDPOINT}`);
      await expect(absent.state({ session })).rejects.toMatchObject({
        code: "INVALID",
        message: /The store is s3:\/\/wa-/,
      });
      await absent.close();
      process.env.AWS_SECRET_ACCESS_KEY = "another";
      const denied = await open(`s3://${bucket}?endpoint=${S3_ENDPOINT}`);
      await expect(denied.state({ session })).rejects.toMatchObject({
        code: "DENIED",
        message: /The store is s3:\/\//,
      });
      await denied.close();
      Object.assign(process.env, credentials);
    });
  });
}

describe("a bucket by its address", () => {
  it("needs a region, of the address or of the machine", async () => {
    const names = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_PROFILE"];
    const before = names.map((name) => process.env[name]);
    for (const name of names) delete process.env[name];
    process.env.AWS_CONFIG_FILE = "/dev/null";
    try {
      await expect(open("s3://bucket")).rejects.toMatchObject({ code: "INVALID", hint: /region=eu-central-1/ });
      await (await open("s3://my.bucket?region=eu-central-1")).close();
    } finally {
      for (const [at, name] of names.entries()) {
        if (before[at] === undefined) delete process.env[name];
        else process.env[name] = before[at];
      }
    }
  });
});

await suiteWith<Service>("MongoDB by its address", shared(startMongo), ({ env }) => {
  const { MONGODB_URI = "" } = env;
  const { host } = new URL(MONGODB_URI);
  const client = new MongoClient(MONGODB_URI);
  afterAll(() => client.close());

  it("is the database and the collection of a MongoStore", async () => {
    const collection = unique();
    await expectSameStore(
      `${MONGODB_URI}?collection=${collection}&appName=test`,
      new MongoStore({ db: client.db(), collection }),
    );
    const db = client.db(`other-${unique()}`);
    await expectSameStore(`mongodb://${host}/${db.databaseName}`, new MongoStore({ db }));
    await db.dropDatabase();
  });

  it("is looked up by `mongodb+srv`", async () => {
    const port = Number(new URL(MONGODB_URI).port || 27_017);
    const asked: string[] = [];
    const resolve = vi.spyOn(dns.promises, "resolve").mockImplementation((async (name: string, type: string) => {
      asked.push(name);
      if (type !== "SRV") throw Object.assign(new Error("no such record"), { code: "ENODATA" });
      return [{ name: "db.example.net", port, priority: 0, weight: 0 }];
    }) as unknown as typeof dns.promises.resolve);
    const here = { address: "127.0.0.1", family: 4 };
    const lookup = vi.spyOn(dns, "lookup").mockImplementation(((...[, options, done]: Lookup) => {
      if (options.all) done(null, [here]);
      else done(null, here.address, here.family);
    }) as typeof dns.lookup);
    try {
      const collection = unique();
      const address = `mongodb+srv://sessions.example.net/wa_vault?tls=false&collection=${collection}`;
      await expectSameStore(address, new MongoStore({ db: client.db("wa_vault"), collection }));
      expect(asked).toContain("_mongodb._tcp.sessions.example.net");
    } finally {
      resolve.mockRestore();
      lookup.mockRestore();
    }
  });
});

await suiteWith<Service>("Redis by its address", shared(startRedis), ({ env }) => {
  const { REDIS_URL = "" } = env;
  const client = new Redis(REDIS_URL);
  const second = new Redis(REDIS_URL, { db: 3 });
  afterAll(() => {
    client.disconnect();
    second.disconnect();
  });

  it("is the database and the prefix of a RedisStore", async () => {
    const prefix = `${unique()}:`;
    await expectSameStore(`${REDIS_URL}?prefix=${prefix}`, new RedisStore({ client, prefix }));
    await expectSameStore(`${REDIS_URL}/3?prefix=${prefix}`, new RedisStore({ client: second, prefix }));
    await expectSameStore(
      `${REDIS_URL}/0?prefix=${prefix}t&ttlSeconds=600`,
      new RedisStore({ client, prefix: `${prefix}t` }),
    );
  });

  it("that has no such database is INVALID, and no other database is written", async () => {
    const prefix = `${unique()}:`;
    const store = await open(`${REDIS_URL}/99?prefix=${prefix}`);
    await expect(saveIn(store, "x")).rejects.toMatchObject({ code: "INVALID", message: /DB index is out of range/ });
    await store.close();
    expect(await client.keys(`${prefix}*`)).toEqual([]);
  });

  it("that refuses the password is DENIED, and shows it nowhere", async () => {
    const user = unique();
    await client.acl("SETUSER", user, "on", ">the-right-one", "~*", "+@all");
    try {
      const prefix = `${unique()}:`;
      const { host } = new URL(REDIS_URL);
      await expectSameStore(
        `redis://${user}:the-right-one@${host}?prefix=${prefix}`,
        new RedisStore({ client, prefix }),
      );
      const store = await open(`redis://${user}:hush-hush@${host}`);
      const error = await store.state({ session }).catch((error) => error);
      expect(error).toMatchObject({ code: "DENIED", message: expect.stringContaining(`redis://${user}:***@${host}`) });
      expectNoSecret(error);
      await store.close();
    } finally {
      await client.acl("DELUSER", user);
    }
  });
});

await suiteWith<Service>("PostgreSQL by its address", shared(startPostgres), ({ env }) => {
  const { POSTGRES_URL = "" } = env;
  const pool = new pg.Pool({ connectionString: POSTGRES_URL });
  afterAll(() => pool.end());

  it("is the database and the table of a PostgresStore", async () => {
    for (const scheme of ["postgres:", "postgresql:"]) {
      const table = `t${unique()}`;
      const address = `${POSTGRES_URL.replace(/^\w+:/, scheme)}?table=${table}&sslmode=disable&application_name=test`;
      await expectSameStore(address, new PostgresStore({ pool, table }));
      await pool.query(`drop table ${table}`);
    }
  });

  it("that refuses the password is DENIED, and shows it nowhere", async () => {
    const url = new URL(POSTGRES_URL);
    url.password = "hush-hush";
    const store = await open(url.href);
    const error = await store.state({ session }).catch((error) => error);
    expect(error).toMatchObject({ code: "DENIED", message: expect.stringContaining(":***@") });
    expectNoSecret(error);
    await store.close();
  });

  it("that has no TLS is told when the address wants it", async () => {
    const { rows } = await pool.query("show ssl");
    if (rows[0]?.ssl !== "off") return;
    const store = await open(`${POSTGRES_URL}?sslmode=require`, { retries: 0 });
    await expect(store.state({ session })).rejects.toMatchObject({ message: /does not support SSL/ });
    await store.close();
  });
});
