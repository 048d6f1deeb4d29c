import type { RedisClient } from "../../adapters/redis/index.ts";
import { loadLibrary } from "../load-library.ts";
import { type Address, withoutParameters } from "../parse-address.ts";
import type { OpenedStore, SchemeOptions } from "../scheme.ts";

interface Opened {
  readonly client: RedisClient;
  close(): Promise<void>;
}

/** `redis://…/0` or `rediss://…/0`, with `prefix`; the other parameters are the client's. */
export async function openRedis(address: Address, options: SchemeOptions): Promise<OpenedStore> {
  const open = await loadLibrary("A store in Redis", [
    { name: "ioredis", load: openIoredis },
    { name: "redis", load: openNodeRedis },
  ]);
  const { RedisStore } = await import("../../adapters/redis/index.ts");
  const { client, close } = open(withoutParameters(address, ["prefix"]));
  const prefix = address.parameters.get("prefix") ?? undefined;
  return { store: new RedisStore({ ...options, client, prefix }), close };
}

async function openIoredis(): Promise<(url: string) => Opened> {
  const { Redis } = await import("ioredis");
  return (url) => {
    const client = new Redis(url);
    // Each call has its own error; without a listener ioredis prints this one.
    client.on("error", () => {});
    return { client, close: async () => client.disconnect() };
  };
}

async function openNodeRedis(): Promise<(url: string) => Opened> {
  const { createClient } = await import("redis");
  return (url) => {
    const client = createClient({ url });
    client.on("error", () => {});
    client.connect().catch(() => {});
    return { client, close: async () => client.destroy() };
  };
}
