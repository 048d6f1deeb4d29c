import { Redis } from "ioredis";
import { createSentinel } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisBlobs, type RedisClient, RedisStore } from "../../adapters/redis/index.ts";
import { retry } from "../../lib/blobs/retry.ts";
import { timeout } from "../../lib/blobs/timeout.ts";
import { blobContract, leaseContract, profileStoreContract, storeContract } from "../contract/index.ts";
import { isLong } from "../support/length.ts";
import { command, SENTINEL_MASTER, type SentinelNodes, startRedisSentinel, unique } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { type OpenedVault, withMortals } from "../support/store-suites.ts";
import { expectWarning } from "../support/warnings.ts";

const runner = { describe, it };
// Of the stores that wait for a lease.
expectWarning(/Waiting up to/);

await suiteWith<SentinelNodes>("Redis Sentinel", startRedisSentinel, ({ nodes, sentinels }) => {
  const roots = sentinels.map(({ port }) => ({ host: "127.0.0.1", port }));
  const io = new Redis({ name: SENTINEL_MASTER, sentinels: roots });
  const node = createSentinel({ name: SENTINEL_MASTER, sentinelRootNodes: roots });
  const clients = Object.entries<RedisClient>({ ioredis: io, "node-redis": node });
  /** After how many milliseconds without an answer the sentinels take the master for gone. */
  const declareDownAfter = async (ms: number): Promise<void> => {
    const set = ["SENTINEL", "SET", SENTINEL_MASTER, "down-after-milliseconds", String(ms)];
    for (const { port } of sentinels) await command(port, set);
  };
  beforeAll(async () => {
    // The loss of a connection is what the test is about; a client without a listener would end the process.
    for (const client of [io, node]) client.on("error", () => {});
    await node.connect();
  });
  afterAll(async () => {
    io.disconnect();
    await node.destroy();
  });

  for (const [name, client] of clients) {
    blobContract(runner, { name, open: () => ({ blobs: new RedisBlobs({ client, prefix: `${unique()}:` }) }) });
    // A store sees the same of a Sentinel as of a single server.
    if (!isLong) continue;
    const openStore = (): OpenedVault => {
      const prefix = `${unique()}:`;
      const again = (): RedisStore => new RedisStore({ client, prefix });
      return { blobs: new RedisBlobs({ client, prefix }), store: again(), again };
    };
    storeContract(runner, { name, open: openStore });
    profileStoreContract(runner, { name, open: openStore });
    leaseContract(runner, { name, open: () => withMortals(openStore()) });
  }

  it("goes on with the replica, and its data, when the master is gone", async () => {
    const prefix = `${unique()}:`;
    const [master, replica] = nodes;
    if (master === undefined || replica === undefined) throw new Error("There are two nodes.");
    const before = Buffer.from("stored before");
    for (const [name, client] of clients) {
      await new RedisBlobs({ client, prefix }).put(`${name}/log/1`, before, { ifAbsent: true });
    }
    for (const [name] of clients) {
      const arrived = (): Promise<string> => command(replica.port, ["EXISTS", `${prefix}{${name}}/log/1`]);
      await expect.poll(arrived, { timeout: 120_000 }).toBe(":1\r\n");
    }
    await declareDownAfter(2_000);
    await master.kill();

    const after = Buffer.from("stored after");
    for (const [name, client] of clients) {
      const attempts = timeout(new RedisBlobs({ client, prefix }), { attemptTimeoutMs: 2_000 });
      // Sentinels whose machine is busy wait half a minute before they trust their clock again.
      const blobs = retry(attempts, { retries: 1_000, retryDelayMs: 100, giveUpAfterMs: 250_000 });
      expect(await blobs.get(`${name}/log/1`)).toEqual(before);
      await blobs.put(`${name}/log/2`, after, { ifAbsent: true }).catch(async (error) => {
        // An attempt that was given up may have taken effect.
        expect(error).toMatchObject({ code: "CONFLICT" });
      });
      expect(await blobs.get(`${name}/log/2`)).toEqual(after);
      await expect(blobs.put(`${name}/log/1`, after, { ifAbsent: true })).rejects.toMatchObject({ code: "CONFLICT" });
    }
    expect(await command(replica.port, ["ROLE"])).toContain("master");
  }, 600_000);
});
