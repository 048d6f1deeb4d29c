import { loadLibrary } from "../load-library.ts";
import type { Address } from "../parse-address.ts";
import type { OpenedClient } from "../redis/connecting.ts";
import { openIoredis } from "../redis/ioredis.ts";
import { openNodeRedis } from "../redis/node-redis.ts";
import { redisTarget } from "../redis/redis-address.ts";
import type { OpenedBlobs, SchemeOptions } from "../scheme.ts";

/** `redis://…/0`, `rediss://…/0`, `redis+sentinel://…/master/0`, `redis+cluster://…`, with `prefix` and `ttlSeconds`. */
export async function openRedis(address: Address, options: SchemeOptions): Promise<OpenedBlobs> {
  const { parameters } = address;
  const prefix = parameters.get("prefix");
  const ttlSeconds = parameters.number("ttlSeconds", 1);
  const { client, connected, close } = await redisClient(address);
  const { RedisBlobs } = await import("../../adapters/redis/index.ts");
  return { blobs: new RedisBlobs({ ...options, client, prefix, ttlSeconds }), connected, close };
}

/** A client for the servers that an address of Redis names. @throws `INVALID` */
export async function redisClient(address: Address): Promise<OpenedClient> {
  const target = await redisTarget(address);
  const open = await loadLibrary("A store in Redis", [
    { name: "ioredis", least: "5.0.0", load: openIoredis },
    { name: "redis", least: "5.0.0", load: openNodeRedis },
  ]);
  return open(target);
}
