import { Redis } from "ioredis";
import { createSentinel } from "redis";
import { afterAll, beforeAll } from "vitest";
import { SENTINEL_MASTER, type SentinelNodes, startRedisSentinel } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { expectWarning } from "../support/warnings.ts";
import { authContract, rawRedis } from "./support/auth-contract.ts";

// The failure of a save that nobody waits for is told as a warning, of any save as it happens.
expectWarning(/WaVaultWarning: (Could not store|Credentials not loaded|Redis \w+ failed)/);

await suiteWith<SentinelNodes>("Redis Sentinel", startRedisSentinel, ({ sentinels }) => {
  const roots = sentinels.map(({ port }) => ({ host: "127.0.0.1", port }));
  const io = new Redis({ name: SENTINEL_MASTER, sentinels: roots });
  const node = createSentinel({ name: SENTINEL_MASTER, sentinelRootNodes: roots });
  beforeAll(async () => {
    await node.connect();
  });
  afterAll(async () => {
    io.disconnect();
    await node.destroy();
  });
  const raw = rawRedis(io, [io]);
  authContract("ioredis", io, raw);
  authContract("node-redis", node, raw);
});
