import { describe, expect, it } from "vitest";
import { migrateAuthState, type WapiSource } from "../../../lib/baileys/index.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { bytesOf, sampleState } from "../support/sample-state.ts";
import { open, storeOn } from "../support/states.ts";

const GROUP = "5511999-1612345678@g.us";

/** A source that answers for ids alone, as wapi's does, and how many ids it was asked for. */
function sourceOf(
  records: Record<string, Record<string, unknown>>,
  more: Partial<WapiSource> & { creds?: WapiSource["creds"] } = {},
): WapiSource & { asked: () => number } {
  let asked = 0;
  const { creds } = sampleState(5);
  return {
    creds: async () => creds,
    get: async (type, ids) => {
      asked += ids.length;
      const own = records[type] ?? {};
      return new Map(ids.flatMap((id) => (id in own ? [[id, own[id]] as const] : [])));
    },
    ...more,
    asked: () => asked,
  };
}

/** The ids of the records that were found, by family. */
async function found(wapi: WapiSource): Promise<Record<string, string[]>> {
  const store = storeOn(new MemoryBlobs());
  await migrateAuthState({ from: { wapi }, to: { store, session: "bot" } });
  const ids: Record<string, string[]> = {};
  for (const key of (await store.peekRecords({ session: "Baileys-bot" }))?.keys() ?? []) {
    const [type = "", id] = key.split("\0");
    if (id !== undefined) ids[type] = [...(ids[type] ?? []), id].sort();
  }
  return ids;
}

describe("a source that cannot list its records", () => {
  it("has those that its credentials tell of", async () => {
    const pair = { public: bytesOf("a"), private: bytesOf("b") };
    const session = bytesOf("session");
    const records = {
      "pre-key": { "1": pair, "5": pair },
      "app-state-sync-key": { "AAAAAA/b+c==": { keyData: bytesOf("k") }, other: { keyData: bytesOf("k") } },
      "app-state-sync-version": { regular: { version: 1 }, critical_block: { version: 2 } },
      session: { "5511999.0": session, "5511999.3": session, "7788_1.3": session, "5500000.0": session },
      "identity-key": { "7788_1.0": bytesOf("i") },
      "lid-mapping": { "5511999": "7788", "7788_reverse": "5511999" },
      "sender-key": { "status@broadcast::5511999::3": bytesOf("s"), [`${GROUP}::5511999::3`]: bytesOf("g") },
    };
    expect(await found(sourceOf(records))).toEqual({
      "pre-key": ["1", "5"],
      "app-state-sync-key": ["AAAAAA/b+c=="],
      "app-state-sync-version": ["critical_block", "regular"],
      session: ["5511999.0", "5511999.3", "7788_1.3"],
      "identity-key": ["7788_1.0"],
      "lid-mapping": ["5511999", "7788_reverse"],
      "sender-key": ["status@broadcast::5511999::3"],
    });
  });

  it("has those that the values of others tell of, and never sessions without the mappings of their users", async () => {
    const session = bytesOf("session");
    const records = {
      tctoken: { __index: { token: Buffer.from('["4400@lid","7@lid",5]') }, "4400@lid": { token: bytesOf("t") } },
      "lid-mapping": { "4400_reverse": "5544", "5544": "4400", "8811": "9", "9_reverse": "8811" },
      "device-list": { "5544": ["0", "12", "99"] },
      session: { "4400_1.12": session, "5544.0": session, "5544_128.99": session, "8811.4": session },
      "identity-key": { "5544.12": bytesOf("i") },
      "sender-key-memory": { "status@broadcast": { "8811:4@s.whatsapp.net": true } },
      "sender-key": { "status@broadcast::8811::4": bytesOf("s") },
    };
    expect(await found(sourceOf(records))).toEqual({
      tctoken: ["4400@lid", "__index"],
      "lid-mapping": ["4400_reverse", "5544", "8811", "9_reverse"],
      "device-list": ["5544"],
      session: ["4400_1.12", "5544.0", "5544_128.99", "8811.4"],
      "identity-key": ["5544.12"],
      "sender-key-memory": ["status@broadcast"],
      "sender-key": ["status@broadcast::8811::4"],
    });
  });

  it("has those that it knows of, and what these tell of", async () => {
    const records = {
      "sender-key-memory": { [GROUP]: { "6600:2@s.whatsapp.net": true } },
      "sender-key": { [`${GROUP}::6600::2`]: bytesOf("s"), [`${GROUP}::5511999::3`]: bytesOf("o") },
      session: { "6600.2": bytesOf("session"), "3300.1": bytesOf("session") },
      "lid-mapping": { "3300": "3" },
    };
    const known: Record<string, string[]> = { "sender-key-memory": [GROUP], session: ["3300.1", "1.1"] };
    const knownIds = (type: string): string[] => known[type] ?? [];
    expect(await found(sourceOf(records, { knownIds }))).toEqual({
      "sender-key-memory": [GROUP],
      "sender-key": [`${GROUP}::5511999::3`, `${GROUP}::6600::2`],
      session: ["3300.1", "6600.2"],
      "lid-mapping": ["3300"],
    });
  });

  it("has the pre-keys that were made after the credentials were saved", async () => {
    const pair = { public: bytesOf("a"), private: bytesOf("b") };
    const upload = Object.fromEntries(Array.from({ length: 812 }, (_, at) => [at + 900, pair]));
    const source = sourceOf({ "pre-key": upload });
    const store = storeOn(new MemoryBlobs());
    const report = await migrateAuthState({ from: { wapi: source }, to: { store, session: "bot" } });
    expect(report.counts).toEqual({ "pre-key": 812 });
    expect((await open(store)).state.creds.nextPreKeyId).toBe(1712);
    // Twice: it was looked at again for changes.
    expect(source.asked()).toBeLessThan(2 * 3_200);
  });

  it("is said to be one, with how many records were found", async () => {
    const to = { store: storeOn(new MemoryBlobs()), session: "bot" };
    const wapi = sourceOf({ "lid-mapping": { "5511999": "7788" } }, { label: "wapi 550e" });
    const { warnings, counts } = await migrateAuthState({ from: { wapi }, to });
    expect(counts).toEqual({ "lid-mapping": 1 });
    expect(warnings).toEqual([expect.stringMatching(/^wapi 550e cannot list all of its records: 1 were found/)]);
  });

  it("is refused when it changes meanwhile", async () => {
    const records = { "lid-mapping": { "5511999": "7788" } };
    const store = storeOn(new MemoryBlobs());
    const wapi = sourceOf(records);
    const onProgress = ({ step }: { step: string }): void => {
      if (step === "reading") Object.assign(records["lid-mapping"], { "5511999": "9" });
    };
    await expect(migrateAuthState({ from: { wapi }, to: { store, session: "bot" }, onProgress })).rejects.toMatchObject(
      { code: "CONFLICT" },
    );
    expect(await store.peekRecords({ session: "Baileys-bot" })).toBeUndefined();
  });
});
