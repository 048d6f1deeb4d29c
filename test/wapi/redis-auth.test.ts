import { Redis } from "ioredis";
import { createClient, createClientPool } from "redis";
import { afterAll, beforeAll } from "vitest";
import { isLong } from "../support/length.ts";
import { type Service, startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { expectWarning } from "../support/warnings.ts";
import { authContract, rawRedis } from "./support/auth-contract.ts";

// The failure of a save that nobody waits for is told as a warning, of any save as it happens.
expectWarning(/WaVaultWarning: (Could not store|Credentials not loaded|Redis \w+ failed)/);

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
  if (isLong) authContract("a pool of node-redis", pool, raw);
  const beneath = {
    getBuffer: (key: string) => prefixed.getBuffer(key),
    set: (key: string, value: Buffer) => prefixed.set(key, value),
    keysOf: async (text: string) => (await raw.keysOf(keyPrefix + text)).map((key) => key.slice(keyPrefix.length)),
  };
  authContract("a prefix that is a pattern, and another one of the client itself", prefixed, beneath, "a*[b]?\\^-");
});
