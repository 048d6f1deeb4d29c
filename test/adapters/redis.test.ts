import { Cluster, Redis } from "ioredis";
import { createClient, createClientPool } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisBlobs, type RedisClient, RedisStore } from "../../adapters/redis.ts";
import { blobContract, profileStoreContract, storeContract } from "../contract/index.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { type Service, startRedis, unique } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";

const runner = { describe, it };

await suiteWith<Service>("Redis", startRedis, ({ env }) => {
  const { REDIS_URL = "" } = env;
  const io = new Redis(REDIS_URL);
  const node = createClient({ url: REDIS_URL });
  const pool = createClientPool({ url: REDIS_URL });
  let unreachable: Redis;
  beforeAll(async () => {
    await Promise.all([node.connect(), pool.connect()]);
    const settings = { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null };
    unreachable = new Redis(CLOSED_PORT, "127.0.0.1", settings);
    unreachable.on("error", () => {});
  });
  afterAll(() => {
    io.disconnect();
    unreachable.disconnect();
    node.destroy();
    pool.destroy();
  });

  const clients: Record<string, RedisClient> = { ioredis: io, "node-redis": node, "a pool of node-redis": pool };
  for (const [name, client] of Object.entries(clients)) {
    blobContract(runner, {
      name,
      open: () => {
        const prefix = `${unique()}:`;
        const blobs = new RedisBlobs({ client, prefix });
        const again = new RedisBlobs({ client: pool, prefix });
        return { blobs, again, unreachable: new RedisBlobs({ client: unreachable, prefix }) };
      },
    });
  }
  blobContract(runner, {
    name: "with an expiry",
    open: () => ({ blobs: new RedisBlobs({ client: io, prefix: `${unique()}:`, ttlSeconds: 600 }) }),
  });

  for (const [name, client] of Object.entries({ ioredis: io, "node-redis": node })) {
    const openStore = (): { store: RedisStore; again: () => RedisStore } => {
      const prefix = `${unique()}:`;
      const again = (): RedisStore => new RedisStore({ client, prefix });
      return { store: again(), again };
    };
    storeContract(runner, { name, open: openStore });
    profileStoreContract(runner, { name, open: openStore });
  }

  it("gives everything of a session its full time again with a write, and nothing of it outlives the index", async () => {
    const prefix = `${unique()}:`;
    await new RedisBlobs({ client: io, prefix, ttlSeconds: 50 }).put("s/old", Buffer.from("1"));
    await new RedisBlobs({ client: io, prefix, ttlSeconds: 1000 }).put("s/new", Buffer.from("2"));
    expect(await io.ttl(`${prefix}{s}:keys`)).toBeGreaterThan(900);
    expect(await io.ttl(`${prefix}{s}/old`)).toBeGreaterThan(1900);
    expect(await io.ttl(`${prefix}{s}/new`)).toBeGreaterThan(1900);
  });

  it("keeps a session known as long as it is there, and forgets it as a whole", async () => {
    const prefix = `${unique()}:`;
    const store = new RedisStore({ client: io, prefix, ttlSeconds: 1000 });
    const known = `${prefix}{_sessions}/x`;
    const lease = await store.acquire({ session: "x" });
    await store.saveProfile({ session: "x", lease, capture: captureOf(profileFiles("one")) });
    await io.expire(known, 5);
    await store.saveProfile({ session: "x", lease, capture: captureOf(profileFiles("two")) });
    const left = await io.pttl(known);
    expect(left).toBeGreaterThan(900_000);
    expect(left).toBeLessThanOrEqual(await io.pttl(`${prefix}{x}:keys`).then((ms) => ms + 500));
    expect(await io.ttl(`${prefix}{_sessions}:keys`)).toBe(-1);
    // As the server does it, first this and then that.
    for (const gone of [known, `${prefix}{x}:keys`]) {
      await io.del(gone);
      await store.state({ session: "x" });
    }
    expect(await store.state({ session: "x" })).toBeUndefined();
    const next = await store.acquire({ session: "x" });
    await store.saveProfile({ session: "x", lease: next, capture: captureOf(profileFiles("one")) });
    expect(await io.exists(known)).toBe(1);
  });

  it("notices a value that the server threw away, and never creates it again", async () => {
    const prefix = `${unique()}:`;
    const blobs = new RedisBlobs({ client: io, prefix });
    await blobs.put("s/log/1", Buffer.from("entry"), { ifAbsent: true });
    await io.del(`${prefix}{s}/log/1`);
    await expect(blobs.get("s/log/1")).rejects.toMatchObject({ code: "CORRUPT", hint: /noeviction/ });
    const again = blobs.put("s/log/1", Buffer.from("other"), { ifAbsent: true });
    await expect(again).rejects.toMatchObject({ code: "CORRUPT" });
    expect(await io.exists(`${prefix}{s}/log/1`)).toBe(0);
  });
});

describe("RedisBlobs", () => {
  const client = new Redis({ lazyConnect: true });

  it("says which option is wrong", () => {
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
