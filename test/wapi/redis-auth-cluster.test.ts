import { randomUUID } from "node:crypto";
import { Cluster, Redis } from "ioredis";
import { createCluster } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisClient, wireOf } from "../../adapters/redis/wire.ts";
import type { Changes } from "../../lib/wapi/changes.ts";
import { RedisAuth } from "../../lib/wapi/index.ts";
import { RedisRecords } from "../../lib/wapi/redis-records.ts";
import { linked } from "../baileys/support/states.ts";
import { isLong } from "../support/length.ts";
import { type RedisNodes, startRedisCluster, unique } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { expectWarning } from "../support/warnings.ts";
import { authContract, rawRedis } from "./support/auth-contract.ts";
import { md5, wapiRecord, wapiText } from "./support/wapi-format.ts";

// The failure of a save that nobody waits for is told as a warning, of any save as it happens.
expectWarning(/WaVaultWarning: (Could not store|Credentials not loaded|Redis \w+ failed)/);

await suiteWith<RedisNodes>("Redis Cluster of three masters", startRedisCluster, ({ nodes }) => {
  const io = new Cluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })));
  const singles = nodes.map(({ port }) => new Redis(port, "127.0.0.1"));
  const node = createCluster({ rootNodes: nodes.map(({ env }) => ({ url: env.REDIS_URL ?? "" })) });
  beforeAll(async () => {
    await node.connect();
  });
  afterAll(() => {
    for (const client of [io, ...singles]) client.disconnect();
    node.destroy();
  });
  const raw = rawRedis(io, singles);
  const clients = Object.entries<RedisClient>({ ioredis: io, "node-redis": node });
  for (const [name, client] of clients) {
    authContract(name, client, raw);
    if (isLong || name === "ioredis") authContract(`${name} and a hash tag`, client, raw, "{bots}");
  }

  it.each(clients)(
    "with a hash tag keeps all records in one slot, and stores a set as one: %s",
    async (_name, client) => {
      const tag = `{${unique()}}`;
      const { keys } = await new RedisAuth(randomUUID(), client, tag).init();
      await keys.set({ session: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}`, Buffer.of(i)])) });
      const held = await Promise.all(singles.map((single) => single.keys(`${tag}*`)));
      expect(held.map((found) => found.length).sort()).toEqual([0, 0, 50]);
    },
  );

  describe("without a hash tag, a set that was interrupted", () => {
    /**
     * A session with linked credentials and the records `a` to `d` as "old", and a writer that dies after so many
     * requests, while it sets `a` to `c` to "new" and deletes `d`, or while it deletes records.
     */
    const interrupted = async (
      requests: number,
      deleteAll?: Changes["deleteAll"],
    ): Promise<{ auth: RedisAuth; died: boolean; prefix: string; uuid: string; warnings: string[] }> => {
      const [uuid, prefix] = [randomUUID(), unique()];
      const first = new RedisAuth(uuid, io, prefix);
      const state = await first.init();
      Object.assign(state.creds, linked());
      await first.save();
      const all = ["a", "b", "c", "d"];
      await state.keys.set({ session: Object.fromEntries(all.map((id) => [id, Buffer.from("old")])) });
      let left = requests;
      const wire = wireOf(io);
      const dying = new RedisRecords({
        wire: {
          ...wire,
          multi: async (on, commands) => {
            if (left-- <= 0) throw new Error("killed");
            return wire.multi(on, commands);
          },
        },
        uuid,
        prefix,
        ttlSeconds: undefined,
        onWarning: () => {},
      });
      const sealed = (text: string): Buffer =>
        wapiRecord(uuid, JSON.stringify({ type: "Buffer", data: Buffer.from(text).toString("base64") }));
      const records = new Map(all.map((id) => [md5(`session-${id}`), id === "d" ? undefined : sealed("new")]));
      const changes = deleteAll ? { deleteAll, records: new Map() } : { records };
      const died = await dying.commit(changes, false).then(
        () => false,
        () => true,
      );
      const warnings: string[] = [];
      // Another client, as another process has.
      const auth = new RedisAuth(uuid, node, prefix, { onWarning: (message) => void warnings.push(message) });
      return { auth, died, prefix, uuid, warnings };
    };

    it("is ended by the next `init`, whichever request was the last; before the first, nothing of it is", async () => {
      for (let requests = 0; ; requests++) {
        const { auth, died, prefix } = await interrupted(requests);
        const { keys } = await auth.init();
        const found = await keys.get("session", ["a", "b", "c", "d"]);
        const old = Buffer.from("old");
        const [after, before] = [Buffer.from("new"), { a: old, b: old, c: old, d: old }];
        expect(found, `after ${requests} requests`).toEqual(requests === 0 ? before : { a: after, b: after, c: after });
        expect((await raw.keysOf(prefix)).filter((key) => key.endsWith(":journal"))).toEqual([]);
        // The journal, four records, and the end of the journal, which is not waited for.
        if (!died) return expect(requests).toBe(5);
      }
    });

    it.each(["everything", "keys"] as const)(
      "that deletes %s is ended by the next `init` as well",
      async (deleteAll) => {
        for (let requests = 1; ; requests++) {
          const { auth, died, prefix } = await interrupted(requests, deleteAll);
          const { keys, creds } = await auth.init();
          expect(await keys.get("session", ["a", "b", "c", "d"]), `after ${requests} requests`).toEqual({});
          expect(creds.me?.name).toBe(deleteAll === "keys" ? "Anna" : undefined);
          expect(await raw.keysOf(prefix)).toHaveLength(deleteAll === "keys" ? 1 : 0);
          if (!died) return;
        }
      },
    );

    it("is given up, with a warning, when the credentials were saved since by a program that knows of no journal", async () => {
      const { auth, prefix, uuid, warnings } = await interrupted(3);
      const key = `${prefix}:${uuid}:${md5("creds")}`;
      const saved = (await raw.getBuffer(key)) ?? Buffer.alloc(0);
      // The same credentials, encrypted anew.
      await raw.set(key, wapiRecord(uuid, wapiText(uuid, saved)));
      const text = JSON.stringify({ type: "Buffer", data: Buffer.from("newest").toString("base64") });
      for (const id of ["a", "b", "c", "d"]) {
        await raw.set(`${prefix}:${uuid}:${md5(`session-${id}`)}`, wapiRecord(uuid, text));
      }
      const { keys } = await auth.init();
      const newest = Buffer.from("newest");
      expect(await keys.get("session", ["a", "b", "c", "d"])).toEqual({ a: newest, b: newest, c: newest, d: newest });
      expect(warnings).toEqual([expect.stringContaining(`Changes of ${uuid} that were begun are given up`)]);
      expect((await raw.keysOf(prefix)).filter((one) => one.endsWith(":journal"))).toEqual([]);
    });
  });
});
