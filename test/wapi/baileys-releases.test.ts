import { randomUUID } from "node:crypto";
import * as baileys from "baileys";
import * as baileys67 from "baileys-6.7";
import * as baileys617 from "baileys-6.17";
import { Redis } from "ioredis";
import { afterAll, describe, expect, it } from "vitest";
import { RedisAuth, type WapiKeyStore } from "../../lib/wapi/index.ts";
import { type Service, startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";

/** What a socket makes of the keys of its state: it reads and sets in transactions. */
type Wrapped = WapiKeyStore & { transaction(work: () => Promise<unknown>, key: string): Promise<unknown> };
const quiet = { level: "silent", child: () => quiet, trace() {}, debug() {}, info() {}, warn() {}, error() {} };
const options = { maxCommitRetries: 1, delayBetweenTriesMs: 1 };

await suiteWith<Service>("Releases of Baileys on Redis", shared(startRedis), ({ env }) => {
  const io = new Redis(env.REDIS_URL ?? "");
  afterAll(() => io.disconnect());

  describe.each<[string, Pick<typeof baileys, "addTransactionCapability" | "initAuthCreds">, unknown]>([
    ["7.0.0-rc14", baileys, baileys],
    ["6.17.16", baileys617 as unknown as typeof baileys, baileys617],
    ["6.7.24", baileys67 as unknown as typeof baileys, baileys67],
  ])("%s", (_name, release, module) => {
    it("transactions of its sockets lose no update, also when the bot opens the session again", async () => {
      const [uuid, prefix] = [randomUUID(), unique()];
      const ids = ["a", "b", "c", "d", "e"];
      for (let round = 1; round <= 4; round++) {
        const { keys: ours } = await new RedisAuth(uuid, io, prefix, { baileys: module }).init();
        const keys = release.addTransactionCapability(ours as never, quiet as never, options) as unknown as Wrapped;
        const turn = async (id: string): Promise<void> => {
          const { [id]: before = Buffer.of(0) } = await keys.get("session", [id]);
          const after = before[0] + 1;
          await keys.set({ session: { [id]: Buffer.of(after) }, "pre-key": { [`${id}${after}`]: { public: before } } });
        };
        for (let n = 0; n < 3; n++) await Promise.all(ids.map((id) => keys.transaction(() => turn(id), id)));
      }
      const { keys } = await new RedisAuth(uuid, io, prefix).init();
      expect(await keys.get("session", ids)).toEqual(Object.fromEntries(ids.map((id) => [id, Buffer.of(12)])));
      const all = ids.flatMap((id) => Array.from({ length: 12 }, (_, n) => `${id}${n + 1}`));
      expect(Object.keys(await keys.get("pre-key", all))).toEqual(all);
    });

    it("gets the keys of the app state as messages, with bytes", async () => {
      const { creds, keys } = await new RedisAuth(randomUUID(), io, unique(), { baileys: module }).init();
      expect(creds.noiseKey.public).toHaveLength(32);
      await keys.set({ "app-state-sync-key": { a: { keyData: Buffer.of(1, 2, 3) } } });
      const { a } = await keys.get("app-state-sync-key", ["a"]);
      expect(Buffer.from(a.keyData)).toEqual(Buffer.of(1, 2, 3));
    });
  });
});
