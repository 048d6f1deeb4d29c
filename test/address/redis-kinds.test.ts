import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RedisClient } from "../../adapters/redis/index.ts";
import { RedisBlobs, RedisStore } from "../../adapters/redis/index.ts";
import { ownBlobs } from "../../address/own-blobs.ts";
import { parseAddress } from "../../address/parse-address.ts";
import type { OpenedClient } from "../../address/redis/connecting.ts";
import { openIoredis } from "../../address/redis/ioredis.ts";
import { openNodeRedis } from "../../address/redis/node-redis.ts";
import { type RedisTarget, redisTarget } from "../../address/redis/redis-address.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import {
  command,
  type RedisNodes,
  SENTINEL_MASTER,
  type SentinelNodes,
  type Service,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
  unique,
} from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { authority, type Encrypted, encrypted } from "./support/encrypted.ts";
import { expectIn, expectSameStore, open, saveIn, session } from "./support/same-session.ts";

/** What `storeFromUrl` takes where only one of the two libraries is installed. */
const LIBRARIES: ReadonlyMap<string, () => Promise<(target: RedisTarget) => OpenedClient>> = new Map([
  ["ioredis", openIoredis],
  ["node-redis", openNodeRedis],
]);

/** Opens a store with one of the libraries. */
async function openWith(library: string, text: string): Promise<{ store: Vault; close: () => Promise<void> }> {
  const address = parseAddress(text);
  const load = LIBRARIES.get(library);
  if (load === undefined) throw new Error(`There is no library ${library}.`);
  const make = await load();
  const { client, ...rest } = make(await redisTarget(address));
  const prefix = address.parameters.get("prefix");
  const blobs = ownBlobs({ blobs: new RedisBlobs({ client, prefix }), ...rest }, address.shown, []);
  return { store: new Vault({ blobs, retries: 1 }), close: () => blobs.close() };
}

/** Saves and restores with each library, and reads with a client that was made by hand. */
function bothLibraries(addressOf: (prefix: string) => string, client: () => RedisClient): void {
  it("is the store of a RedisStore", async () => {
    const prefix = `${unique()}:`;
    await expectSameStore(addressOf(prefix), new RedisStore({ client: client(), prefix }));
  });

  it.each([...LIBRARIES.keys()])("is it with %s, and ends with it", async (library) => {
    const prefix = `${unique()}:`;
    const { store, close } = await openWith(library, addressOf(prefix));
    await saveIn(store, library);
    await expectIn(new RedisStore({ client: client(), prefix }), library);
    await close();
    await close();
    await expect(store.state({ session })).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it.each([...LIBRARIES.keys()])("is closed with %s before it was asked anything", async (library) => {
    const { close } = await openWith(library, addressOf("x:"));
    await close();
  });
}

await suiteWith<Service>("Redis by its address", shared(startRedis), ({ env }) => {
  const { REDIS_URL = "" } = env;
  const client = new Redis(REDIS_URL);
  afterAll(() => client.disconnect());
  bothLibraries(
    (prefix) => `${REDIS_URL}?prefix=${prefix}`,
    () => client,
  );

  describe("with TLS", () => {
    let tls: Encrypted;
    beforeAll(async () => {
      tls = await encrypted(Number(new URL(REDIS_URL).port || 6379));
    });
    afterAll(() => tls.stop());

    bothLibraries(
      (prefix) => `rediss://127.0.0.1:${tls.port}?prefix=${prefix}&tlsCAFile=${authority}`,
      () => client,
    );

    it.each([...LIBRARIES.keys()])(
      "is not believed without the authority of its certificate, with %s",
      async (library) => {
        const before = tls.count();
        const { store, close } = await openWith(library, `rediss://localhost:${tls.port}`);
        await expect(store.state({ session })).rejects.toMatchObject({
          code: "UNAVAILABLE",
          message: expect.stringMatching(/certificate.* The store is rediss:\/\/localhost/),
        });
        await close();
        const trusting = await openWith(library, `rediss://localhost:${tls.port}?tlsAllowInvalidCertificates=true`);
        await trusting.store.state({ session });
        expect(tls.count()).toBeGreaterThan(before);
        await trusting.close();
      },
    );

    it("names a file of the authority that is not there", async () => {
      await expect(open(`rediss://localhost:${tls.port}?tlsCAFile=/nowhere/ca.pem`)).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: "`tlsCAFile` of the address names a file that is not there: /nowhere/ca.pem.",
      });
    });
  });
});

await suiteWith<SentinelNodes>("Redis Sentinel by its address", startRedisSentinel, ({ nodes, sentinels }) => {
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  const client = new Redis(nodes[0]?.port ?? 0, "127.0.0.1", { db: 2 });
  afterAll(() => client.disconnect());
  bothLibraries(
    (prefix) => `redis+sentinel://${hosts}/${SENTINEL_MASTER}/2?prefix=${prefix}`,
    () => client,
  );

  it("that does not know the master is told in seconds", async () => {
    for (const library of [...LIBRARIES.keys()]) {
      const { store, close } = await openWith(library, `redis-sentinel://${hosts}/another`);
      const state = store.state({ session });
      await expect(state, library).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: /redis\+sentinel:\/\/.*another/,
      });
      await close();
    }
  });
});

await suiteWith<RedisNodes>("Redis Cluster by its address", startRedisCluster, ({ nodes }) => {
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`).join(",");
  const client = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
  afterAll(() => client.disconnect());
  bothLibraries(
    (prefix) => `redis+cluster://${hosts}?prefix=${prefix}`,
    () => client,
  );

  it("is found by one of its nodes", async () => {
    const prefix = `${unique()}:`;
    await expectSameStore(
      `redis+cluster://127.0.0.1:${nodes[1]?.port}/0?prefix=${prefix}`,
      new RedisStore({ client, prefix }),
    );
    expect(await command(nodes[0]?.port ?? 0, ["CLUSTER", "INFO"])).toContain("cluster_state:ok");
  });
});

describe("a Redis that is away", () => {
  const addresses = [
    `redis://127.0.0.1:${CLOSED_PORT}`,
    `redis+cluster://127.0.0.1:${CLOSED_PORT},localhost:${CLOSED_PORT}`,
    `redis+sentinel://127.0.0.1:${CLOSED_PORT}/m`,
  ];
  const cases = addresses.flatMap((address) => [...LIBRARIES.keys()].map((library) => [address, library] as const));

  it.each(cases)("%s is UNAVAILABLE with %s", async (address, library) => {
    const { store, close } = await openWith(library, address);
    const calls = [store.state({ session }), store.sessions().next()];
    await Promise.all(
      calls.map((call) =>
        expect(call).rejects.toMatchObject({
          code: "UNAVAILABLE",
          message: expect.stringContaining(`The store is ${address}.`),
        }),
      ),
    );
    await close();
  });
});
