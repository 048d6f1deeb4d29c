import { Cluster, Redis } from "ioredis";
import { createClient, createClientPool } from "redis";
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
  const unreachable = new Redis(CLOSED_PORT, "127.0.0.1", {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  }).on("error", () => {});
  beforeAll(async () => {
    await Promise.all([node.connect(), pool.connect()]);
  });
  afterAll(() => {
    io.disconnect();
    unreachable.disconnect();
    node.destroy();
    pool.destroy();
  });

  const modes: Record<string, RedisBlobsOptions> = {
    ioredis: { client: io },
    "node-redis": { client: node },
    "a pool of node-redis": { client: pool },
    "an expiry": { client: io, ttlSeconds: 600 },
  };
  for (const [name, options] of Object.entries(modes)) {
    blobContract(runner, {
      name,
      open: () => {
        const mode = { ...options, prefix: `${unique()}:` };
        const again = new RedisBlobs({ ...mode, client: pool });
        return { blobs: new RedisBlobs(mode), again, unreachable: new RedisBlobs({ ...mode, client: unreachable }) };
      },
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

  it("refuses clients that read from replicas", () => {
    const cluster = new Cluster([{ port: 1 }], { lazyConnect: true, scaleReads: "slave" });
    expect(() => new RedisBlobs({ client: cluster })).toThrow("masters only");
    const replica = new Redis({ lazyConnect: true, sentinels: [{ port: 1 }], name: "m", role: "slave" });
    expect(() => new RedisBlobs({ client: replica })).toThrow("masters only");
  });
});
