import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as baileys from "baileys";
import { Redis } from "ioredis";
import { afterAll, describe, expect, it } from "vitest";
import { migrateAuthState, useVaultAuthState } from "../../lib/baileys/index.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { RedisAuth, wapiSource } from "../../lib/wapi/index.ts";
import { storeOn } from "../baileys/support/states.ts";
import { useFolder } from "../support/folder.ts";
import { type Service, startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { type Sample, sampleOf } from "./support/sample.ts";

const folder = useFolder();

/** A session of wapi in files. */
function inFiles(uuid: string, { stored }: Sample): string {
  const dir = folder();
  mkdirSync(join(dir, uuid));
  for (const [name, record] of stored) writeFileSync(join(dir, uuid, `${name}.enc`), record);
  return dir;
}

describe("a migration from wapi's files", () => {
  it("brings all records into a store, and a bot opens it", async () => {
    const uuid = randomUUID();
    const sample = sampleOf(uuid);
    const store = storeOn(new MemoryBlobs());
    const from = { wapi: wapiSource({ uuid, dir: inFiles(uuid, sample) }) };
    const result = await migrateAuthState({ from, to: { store, session: "bot" } });
    expect(result.verified).toBe(true);
    expect(Object.values(result.counts).reduce((sum, count) => sum + count, 0)).toBe(sample.count);
    expect(await from.wapi.unnamed()).toBe(0);
    const { state, close } = await useVaultAuthState({ store, session: "bot" });
    expect(state.creds.me).toEqual(sample.creds.me);
    for (const [type, records = {}] of Object.entries(sample.records)) {
      if (type === "app-state-sync-key") continue;
      expect(await state.keys.get(type, Object.keys(records))).toEqual(records);
    }
    const { AppStateSyncKeyData } = baileys.proto.Message;
    const { AAAAAPHA } = await state.keys.get("app-state-sync-key", ["AAAAAPHA"]);
    expect(AppStateSyncKeyData.encode(AAAAAPHA).finish()).toEqual(
      AppStateSyncKeyData.encode(sample.records["app-state-sync-key"]?.AAAAAPHA).finish(),
    );
    await close();
  });

  it("says when a record is damaged, and leaves the target as it is", async () => {
    const uuid = randomUUID();
    const dir = inFiles(uuid, sampleOf(uuid));
    writeFileSync(join(dir, uuid, `${"0".repeat(32)}.enc`), "");
    const store = storeOn(new MemoryBlobs());
    const to = { store, session: "bot" };
    const migrating = migrateAuthState({ from: { wapi: wapiSource({ uuid, dir }) }, to });
    await expect(migrating).rejects.toMatchObject({ code: "CORRUPT", message: /the record 0{32} of/ });
    expect(await store.sessionExists({ session: "Baileys-bot" })).toBe(false);
  });
});

await suiteWith<Service>("a migration to wapi's layout in Redis", shared(startRedis), ({ env }) => {
  const redis = new Redis(env.REDIS_URL ?? "");
  afterAll(() => redis.disconnect());

  it("by `RedisAuth` has all that was in the files", async () => {
    const [uuid, other, prefix] = [randomUUID(), randomUUID(), unique()];
    const sample = sampleOf(uuid);
    const auth = new RedisAuth(other, redis, prefix);
    const to = { state: await auth.init(), saveCreds: () => auth.save() };
    const from = { wapi: wapiSource({ uuid, dir: inFiles(uuid, sample) }) };
    const result = await migrateAuthState({ from, to });
    expect(result.verified).toBe(true);
    const { creds, keys } = await new RedisAuth(other, redis, prefix).init();
    expect(creds.me).toEqual(sample.creds.me);
    expect(creds.noiseKey).toEqual(sample.creds.noiseKey);
    for (const [type, records = {}] of Object.entries(sample.records)) {
      if (type !== "app-state-sync-key") expect(await keys.get(type, Object.keys(records))).toEqual(records);
    }
  });
});
