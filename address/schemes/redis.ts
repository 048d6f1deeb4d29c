import { loadLibrary } from "../load-library.ts";
import type { Address } from "../parse-address.ts";
import { openIoredis } from "../redis/ioredis.ts";
import { openNodeRedis } from "../redis/node-redis.ts";
import { redisTarget } from "../redis/redis-address.ts";
import type { OpenedBlobs, SchemeOptions } from "../scheme.ts";

/** `redis://…/0`, `rediss://…/0`, `redis+sentinel://…/master/0`, `redis+cluster://…`, with `prefix` and `ttlSeconds`. */
export async function openRedis(address: Address, options: SchemeOptions): Promise<OpenedBlobs> {
  const { parameters } = address;
  const target = await redisTarget(address);
  const prefix = parameters.get("prefix");
  const ttlSeconds = parameters.number("ttlSeconds", 1);
  const open = await loadLibrary("A store in Redis", [
    { name: "ioredis", least: "5.0.0", load: openIoredis },
    { name: "redis", least: "5.0.0", load: openNodeRedis },
  ]);
  const { RedisBlobs } = await import("../../adapters/redis/index.ts");
  const { client, connected, close } = open(target);
  return { blobs: new RedisBlobs({ ...options, client, prefix, ttlSeconds }), connected, close };
}
