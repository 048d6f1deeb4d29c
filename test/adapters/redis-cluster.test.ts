import { Cluster } from "ioredis";
import { createCluster } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisBlobs, type RedisClient, RedisStore } from "../../adapters/redis/index.ts";
import { blobContract, leaseContract, profileStoreContract, storeContract } from "../contract/index.ts";
import { isLong } from "../support/length.ts";
import { command, type RedisNodes, startRedisCluster, unique } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { type OpenedVault, withMortals } from "../support/store-suites.ts";
import { expectWarning } from "../support/warnings.ts";

const runner = { describe, it };
// Of the stores that wait for a lease.
expectWarning(/Waiting up to/);

await suiteWith<RedisNodes>("Redis Cluster of three masters", startRedisCluster, ({ nodes }) => {
  const io = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
  const node = createCluster({ rootNodes: nodes.map(({ env }) => ({ url: env.REDIS_URL ?? "" })) });
  beforeAll(async () => {
    await node.connect();
  });
  afterAll(() => {
    io.disconnect();
    node.destroy();
  });

  for (const [name, client] of Object.entries<RedisClient>({ ioredis: io, "node-redis": node })) {
    blobContract(runner, {
      name,
      open: () => ({ blobs: new RedisBlobs({ client, prefix: `${unique()}:` }) }),
    });
    // A store knows nothing of the client: with the other one its suites repeat what they show with the first.
    if (name !== "ioredis" && !isLong) continue;
    const openStore = (): OpenedVault => {
      const prefix = `${unique()}:`;
      const again = (): RedisStore => new RedisStore({ client, prefix });
      return { blobs: new RedisBlobs({ client, prefix }), store: again(), again };
    };
    storeContract(runner, { name, open: openStore });
    // Profiles and leases come by the same requests.
    if (!isLong) continue;
    profileStoreContract(runner, { name, open: openStore });
    leaseContract(runner, { name, open: () => withMortals(openStore()) });
  }

  it("refuses masters that evict values, also when the client is connected later", async () => {
    const late = createCluster({ rootNodes: nodes.map(({ env }) => ({ url: env.REDIS_URL ?? "" })) });
    const blobs = new RedisBlobs({ client: late });
    await late.connect();
    const setPolicy = (policy: string): Promise<string> =>
      command(nodes.at(-1)?.port ?? 0, ["CONFIG", "SET", "maxmemory-policy", policy]);
    try {
      await setPolicy("allkeys-lru");
      await expect(blobs.traits()).rejects.toMatchObject({ code: "INVALID" });
      await setPolicy("noeviction");
      expect(await blobs.traits()).toMatchObject({ exclusiveCreate: true });
    } finally {
      await setPolicy("noeviction");
      late.destroy();
    }
  });

  it("keeps a session in one slot, and spreads sessions over the masters", async () => {
    const prefix = `${unique()}:`;
    const blobs = new RedisBlobs({ client: io, prefix });
    const sessions = Array.from({ length: 30 }, (_, i) => `RemoteAuth-${i}`);
    for (const session of sessions) {
      for (const key of ["log/1", "log/2", "chunks/1/a"]) await blobs.put(`${session}/${key}`, Buffer.from(key));
    }
    const homes: string[] = [];
    for (const { port } of nodes) {
      const tags = (await command(port, ["KEYS", `${prefix}*`])).match(/\{RemoteAuth-\d+\}/g) ?? [];
      // Three values and the index of each session that lives here.
      expect(tags.length).toBe(new Set(tags).size * 4);
      expect(tags.length).toBeGreaterThan(0);
      homes.push(...new Set(tags));
    }
    expect(homes.sort()).toEqual(sessions.map((session) => `{${session}}`).sort());
  });
});
