import { Cluster, Redis } from "ioredis";
import { createClient, createClientPool, RESP_TYPES } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisBlobs, type RedisBlobsOptions, type RedisClient, RedisStore } from "../../adapters/redis/index.ts";
import { blobContract } from "../contract/index.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { isLong } from "../support/length.ts";
import { type Service, startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { storeSuites } from "../support/store-suites.ts";

const runner = { describe, it };

await suiteWith<Service>("Redis", shared(startRedis), ({ env }) => {
  const { REDIS_URL = "" } = env;
  const io = new Redis(REDIS_URL);
  const node = createClient({ url: REDIS_URL });
  const pool = createClientPool({ url: REDIS_URL });
  // Clients that answer numbers as text, text as bytes, and lists in other forms, and put a prefix of their own.
  const own = "app:";
  const ioText = new Redis(REDIS_URL, { stringNumbers: true, enableAutoPipelining: true, keyPrefix: own });
  const ioTwo = new Redis(REDIS_URL, { protocol: 2, stringNumbers: true });
  const everythingElse = {
    [RESP_TYPES.NUMBER]: String,
    [RESP_TYPES.SIMPLE_STRING]: Buffer,
    [RESP_TYPES.BLOB_STRING]: Buffer,
    [RESP_TYPES.MAP]: Map,
    [RESP_TYPES.SET]: Set,
  };
  const nodeText = createClient({ url: REDIS_URL, RESP: 3, commandOptions: { typeMapping: everythingElse } });
  const poolText = createClientPool({ url: REDIS_URL, RESP: 3, commandOptions: { typeMapping: everythingElse } });
  const unreachable = new Redis(CLOSED_PORT, "127.0.0.1", {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  }).on("error", () => {});
  beforeAll(async () => {
    await Promise.all([node.connect(), pool.connect(), nodeText.connect(), poolText.connect()]);
  });
  afterAll(() => {
    io.disconnect();
    ioText.disconnect();
    ioTwo.disconnect();
    unreachable.disconnect();
    for (const client of [node, pool, nodeText, poolText]) client.destroy();
  });

  const modes: Record<string, RedisBlobsOptions> = {
    ioredis: { client: io },
    "node-redis": { client: node },
    "a pool of node-redis": { client: pool },
    "an expiry": { client: io, ttlSeconds: 600 },
    "ioredis with numbers as text, pipelines and a prefix": { client: ioText },
    "node-redis with RESP 3 and types of its own": { client: nodeText },
    ...(isLong
      ? {
          "a pool with RESP 3 and types of its own": { client: poolText },
          "ioredis with numbers as text and an expiry": { client: ioText, ttlSeconds: 600 },
          "ioredis with RESP 2": { client: ioTwo },
          "the smallest values": { client: io, maxBlobBytes: 64 * 1024 },
        }
      : {}),
  };
  for (const [name, options] of Object.entries(modes)) {
    blobContract(runner, {
      name,
      open: () => {
        const mode = { ...options, prefix: `${unique()}:` };
        const whole = options.client === ioText ? own + mode.prefix : mode.prefix;
        const again = new RedisBlobs({ ...mode, prefix: whole, client: pool });
        return { blobs: new RedisBlobs(mode), again, unreachable: new RedisBlobs({ ...mode, client: unreachable }) };
      },
    });
    it(`${name}: a value that the server has lost is CORRUPT, and is not created again`, async () => {
      const prefix = `${unique()}:`;
      const blobs = new RedisBlobs({ ...options, prefix });
      await blobs.put("s/a", Buffer.from("one"), { ifAbsent: true });
      const lost = `${prefix}{s}/a`;
      expect(await io.del(options.client === ioText ? own + lost : lost)).toBe(1);
      await expect(blobs.put("s/a", Buffer.from("two"), { ifAbsent: true })).rejects.toMatchObject({ code: "CORRUPT" });
      expect(await io.exists(lost)).toBe(0);
    });
    // A store knows nothing of the client: with the others its suites repeat what they show with the first.
    if (name !== "ioredis" && !isLong) continue;
    storeSuites(name, (encryption) => {
      const mode = { ...options, prefix: `${unique()}:` };
      const again = (): RedisStore => new RedisStore({ ...encryption, ...mode });
      return { blobs: new RedisBlobs(mode), store: again(), again };
    });
  }
});

describe("RedisBlobs", () => {
  const client = new Redis({ lazyConnect: true });

  it("names the option that is wrong", () => {
    expect(() => new RedisBlobs({ client: {} as RedisClient })).toThrow("Expected `client` to be a client of ioredis");
    // Version 4 of node-redis, which reads binary values as text.
    const old = { sendCommand: async () => "", multi: () => {} };
    expect(() => new RedisBlobs({ client: old })).toThrow("or of redis 5 or newer");
    expect(() => new RedisBlobs({ client, prefix: "a{b" })).toThrow("Expected `prefix` to be text without braces");
    expect(() => new RedisBlobs({ client, ttlSeconds: 0.5 })).toThrow("Expected `ttlSeconds` to be a whole number");
  });

  it("takes `maxBlobBytes` of 64 KiB to 1 MiB, says it, and sends nothing larger", async () => {
    for (const maxBlobBytes of [0, -1, 65_535, 1.5, 1024 * 1024 + 1, Number.NaN, "1MB" as unknown as number]) {
      expect(() => new RedisBlobs({ client, maxBlobBytes })).toThrow("Expected `maxBlobBytes` to be a whole number");
    }
    const blobs = new RedisBlobs({ client, maxBlobBytes: 65_536 });
    const put = blobs.put("s/a", Buffer.alloc(65_537));
    await expect(put).rejects.toMatchObject({ code: "TOO_LARGE", message: expect.stringContaining("more than 65536") });
  });

  it("refuses clients that read from replicas", () => {
    const cluster = new Cluster([{ port: 1 }], { lazyConnect: true, scaleReads: "slave" });
    expect(() => new RedisBlobs({ client: cluster })).toThrow("masters only");
    const replica = new Redis({ lazyConnect: true, sentinels: [{ port: 1 }], name: "m", role: "slave" });
    expect(() => new RedisBlobs({ client: replica })).toThrow("masters only");
    const readOnly = new Redis({ lazyConnect: true, readOnly: true });
    expect(() => new RedisBlobs({ client: readOnly })).toThrow("masters only");
    const node = createClient({ readonly: true });
    expect(() => new RedisBlobs({ client: node })).toThrow("masters only");
  });
});
