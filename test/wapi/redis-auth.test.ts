import { Redis } from "ioredis";
import { createClient, createClientPool } from "redis";
import { afterAll, beforeAll } from "vitest";
import { type Service, startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { authContract, rawRedis } from "./support/auth-contract.ts";

await suiteWith<Service>("Redis", shared(startRedis), ({ env }) => {
  const { REDIS_URL = "" } = env;
  const io = new Redis(REDIS_URL);
  const keyPrefix = `${unique()}?:`;
  const prefixed = new Redis(REDIS_URL, { keyPrefix });
  const node = createClient({ url: REDIS_URL });
  const pool = createClientPool({ url: REDIS_URL });
  beforeAll(async () => {
    await Promise.all([node.connect(), pool.connect()]);
  });
  afterAll(() => {
    io.disconnect();
    prefixed.disconnect();
    node.destroy();
    pool.destroy();
  });
  const raw = rawRedis(io, [io]);
  authContract("ioredis", io, raw);
  authContract("node-redis", node, raw);
  authContract("a pool of node-redis", pool, raw);
  authContract("a prefix that is a pattern", io, raw, "a*[b]?\\^-");
  authContract("a prefix of the client itself", prefixed, {
    getBuffer: (key) => prefixed.getBuffer(key),
    set: (key, value) => prefixed.set(key, value),
    keysOf: async (text) => (await raw.keysOf(keyPrefix + text)).map((key) => key.slice(keyPrefix.length)),
  });
});
