import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as baileys from "baileys";
import { Redis } from "ioredis";
import { MongoClient, ObjectId } from "mongodb";
import { afterAll, describe, expect, it } from "vitest";
import type { RecordSet } from "../../lib/baileys/types.ts";
import { RedisAuth, type WapiPlace, type WapiSource, wapiSource } from "../../lib/wapi/index.ts";
import { packJournal, printOf } from "../../lib/wapi/journal.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { type Service, startMongo, startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { SECRET_GROUP, sampleOf } from "./support/sample.ts";
import { md5, wapiJson, wapiRecord } from "./support/wapi-format.ts";

const folder = useFolder();
/** What a migration knows without the source: ids that are counted, and those that Baileys itself names. */
const COUNTED = {
  "pre-key": Array.from({ length: 60 }, (_, index) => String(index + 1)),
  "app-state-sync-version": ["regular", "critical_block"],
  tctoken: ["__index"],
};

/** All that can be found of a session, by family. */
async function everything(source: WapiSource): Promise<RecordSet> {
  const found: RecordSet = {};
  for (const type of [...Object.keys(sampleOf(randomUUID()).records), "of a later release"]) {
    const counted: string[] = Object.entries(COUNTED).find(([name]) => name === type)?.[1] ?? [];
    const ids = [...(await source.knownIds(type)), ...counted];
    const values = Object.fromEntries(await source.get(type, ids));
    if (Object.keys(values).length > 0) found[type] = values;
  }
  return found;
}

/** A layout of wapi, and how a session is put there. */
interface Layout {
  readonly put: (uuid: string, stored: ReadonlyMap<string, Buffer>) => Promise<WapiPlace>;
}

/** What a source does, wherever the session is. */
function sourceTests({ put }: Layout): void {
  it("finds all records whose ids can be known, with equal values", async () => {
    const uuid = randomUUID();
    const sample = sampleOf(uuid);
    const source = wapiSource(await put(uuid, sample.stored));
    const creds = await source.creds();
    expect(creds?.noiseKey).toEqual(sample.creds.noiseKey);
    expect(creds?.me).toEqual(sample.creds.me);
    expect(await source.unnamed()).toBe(sample.count);
    const found = await everything(source);
    const { "app-state-sync-key": syncKeys, ...others } = found;
    const { "app-state-sync-key": expected = {}, ...rest } = sample.records;
    expect(others).toEqual(rest);
    const { AppStateSyncKeyData } = baileys.proto.Message;
    for (const [id, value] of Object.entries(expected)) {
      expect(syncKeys?.[id].keyData).toBeInstanceOf(Uint8Array);
      expect(AppStateSyncKeyData.encode(syncKeys?.[id]).finish()).toEqual(AppStateSyncKeyData.encode(value).finish());
    }
    expect(await source.unnamed()).toBe(0);
  });

  it("counts records whose ids nothing tells of, until their owner does", async () => {
    const uuid = randomUUID();
    const secret = {
      "sender-key-memory": { [SECRET_GROUP]: { "551100000001:0@s.whatsapp.net": true } },
      "sender-key": { [`${SECRET_GROUP}::551100000001::17`]: Buffer.from("[]") },
      "of a later release": { x: "y" },
    };
    const place = await put(uuid, sampleOf(uuid, secret).stored);
    const source = wapiSource(place);
    await source.creds();
    await everything(source);
    expect(await source.unnamed()).toBe(3);
    const told = wapiSource({ ...place, jids: [SECRET_GROUP] });
    await told.creds();
    const found = await everything(told);
    expect(found["sender-key"]).toMatchObject(secret["sender-key"]);
    expect(found["sender-key-memory"]).toMatchObject(secret["sender-key-memory"]);
    expect(await told.unnamed()).toBe(1);
  });

  it("has no credentials where there is no session, or one without credentials", async () => {
    const uuid = randomUUID();
    expect(await wapiSource(await put(uuid, new Map())).creds()).toBe(undefined);
    const other = randomUUID();
    const stored = new Map([[md5("session-a"), wapiRecord(other, wapiJson(Buffer.of(1)))]]);
    const source = wapiSource(await put(other, stored));
    expect(await source.creds()).toBe(undefined);
    expect(await source.unnamed()).toBe(1);
  });

  it("reads the session anew with the credentials", async () => {
    const uuid = randomUUID();
    const source = wapiSource(await put(uuid, sampleOf(uuid).stored));
    const before = await source.creds();
    expect(await source.get("session", ["late"])).toEqual(new Map());
    await put(uuid, new Map([[md5("session-late"), wapiRecord(uuid, wapiJson(Buffer.of(1)))]]));
    expect(await source.get("session", ["late"])).toEqual(new Map());
    expect(await source.creds()).toEqual(before);
    expect(await source.get("session", ["late"])).toEqual(new Map([["late", Buffer.of(1)]]));
  });

  it.each([
    ["the credentials of", "creds", Buffer.from("torn"), "Could not decrypt"],
    [`the record ${md5("session-x")} of`, "session-x", Buffer.alloc(0), "Could not decrypt"],
    ["the credentials of", "creds", "{}", "Could not read"],
    [`the record ${md5("session-x")} of`, "session-x", "{", "Could not read"],
  ])("%s a session that are damaged are CORRUPT, by name (%s: %j)", async (what, key, content, how) => {
    const uuid = randomUUID();
    const record = typeof content === "string" ? wapiRecord(uuid, content) : content;
    const source = wapiSource(await put(uuid, new Map([...sampleOf(uuid).stored, [md5(key), record]])));
    await expect(source.creds()).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(`${how} ${what} ${uuid}: `),
    });
  });
}

describe("wapi's files", () => {
  const folders = new Map<string, string>();
  const put: Layout["put"] = async (uuid, stored) => {
    const made = folders.get(uuid) ?? folder();
    folders.set(uuid, made);
    mkdirSync(join(made, uuid), { recursive: true });
    for (const [name, record] of stored) writeFileSync(join(made, uuid, `${name}.enc`), record);
    // What is no record.
    writeFileSync(join(made, uuid, ".DS_Store"), "");
    writeFileSync(join(made, uuid, "notes.enc"), "x");
    return { uuid, dir: made };
  };
  sourceTests({ put });

  it("that are not there are an absence; one that cannot be read is none", async () => {
    const uuid = randomUUID();
    expect(await wapiSource({ uuid, dir: join(folder(), "never") }).creds()).toBe(undefined);
    const place = (await put(uuid, sampleOf(uuid).stored)) as { dir: string; uuid: string };
    const path = join(place.dir, uuid);
    const name = readdirSync(path).find((file) => file.endsWith(".enc")) ?? "";
    rmSync(join(path, name));
    mkdirSync(join(path, name));
    await expect(wapiSource(place).creds()).rejects.toMatchObject({ code: "UNAVAILABLE", message: /EISDIR/ });
  });

  it("names the option that is wrong", () => {
    const uuid = randomUUID();
    const make =
      (options: unknown): (() => WapiSource) =>
      () =>
        wapiSource(options as WapiPlace);
    expect(make({ uuid: "x", dir: "y" })).toThrow("'x' is not a valid UUID.");
    expect(make({ uuid, dir: "" })).toThrow("Expected `dir` to be a path");
    expect(make({ uuid })).toThrow(
      "Expected `collection` to be a collection of MongoDB, or `redis` with `prefix`, or `dir`",
    );
    expect(make({ uuid, redis: new Redis({ lazyConnect: true }) })).toThrow("Expected `prefix` to be text");
    expect(make({ uuid, redis: {}, prefix: "" })).toThrow("Expected `client` to be a client of ioredis");
    expect(make({ uuid, dir: "x", key: undefined })).toThrow("Expected `key`");
  });
});

await suiteWith<Service>("wapi's documents in MongoDB", shared(startMongo), ({ env }) => {
  const mongo = new MongoClient(env.MONGODB_URI ?? "");
  const collection = mongo.db(unique()).collection("auth");
  afterAll(async () => {
    await collection.drop();
    await mongo.close();
  });
  const put: Layout["put"] = async (uuid, stored) => {
    for (const [key, record] of stored) {
      const encrypted = record.toString("base64");
      await collection.updateOne({ uuid, key }, { $set: { encrypted } }, { upsert: true });
    }
    return { uuid, collection };
  };
  sourceTests({ put });

  it("without their text are CORRUPT; of two with one name the older one counts", async () => {
    const uuid = randomUUID();
    const place = await put(uuid, sampleOf(uuid).stored);
    const key = md5("creds");
    await collection.insertOne({ _id: new ObjectId("f".repeat(24)), uuid, key, encrypted: "later" });
    expect((await wapiSource(place).creds())?.me).toEqual(sampleOf(uuid).creds.me);
    await collection.insertOne({ uuid, key: md5("session-a") });
    await expect(wapiSource(place).creds()).rejects.toMatchObject({
      code: "CORRUPT",
      message: `Could not read the record ${md5("session-a")} of ${uuid}: its document has no text \`encrypted\`.`,
    });
  });

  it("that do not answer are UNAVAILABLE, without the password of the address", async () => {
    const fail = (): never => {
      throw new Error("connect ECONNREFUSED mongodb://user:secret@127.0.0.1:1");
    };
    const away = { find: () => ({ toArray: async () => fail() }) };
    const error = await wapiSource({ uuid: randomUUID(), collection: away })
      .creds()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "UNAVAILABLE" });
    expect(`${error} ${Reflect.get(Object(error), "cause")}`).not.toContain("secret");
  });
});

await suiteWith<Service>("wapi's layout in Redis", shared(startRedis), ({ env }) => {
  const redis = new Redis(env.REDIS_URL ?? "");
  afterAll(() => redis.disconnect());
  const prefix = unique();
  const put: Layout["put"] = async (uuid, stored) => {
    for (const [name, record] of stored) await redis.set(`${prefix}:${uuid}:${name}`, record);
    return { uuid, redis, prefix };
  };
  sourceTests({ put });

  it("of `RedisAuth`: with its key, the mark of pre-keys, and changes that were begun; and nothing is written", async () => {
    const [uuid, key] = [randomUUID(), testKey(1)];
    const auth = new RedisAuth(uuid, redis, prefix, { key });
    const { creds, keys } = await auth.init();
    Object.assign(creds, sampleOf(uuid).creds);
    await auth.save();
    await keys.set({ "pre-key": { 99: { a: 1 } }, session: { a: Buffer.from("a"), b: Buffer.from("b") } });
    await keys.set({ "pre-key": { 99: null } });
    await expect(wapiSource({ uuid, redis, prefix }).creds()).rejects.toMatchObject({ code: "WRONG_KEY" });
    const source = wapiSource({ uuid, redis, prefix, key });
    expect((await source.creds())?.nextPreKeyId).toBe(100);

    const at = (name: string): string => `${prefix}:${uuid}:${name}`;
    const before = [printOf((await redis.getBuffer(at(md5("creds")))) ?? undefined)];
    const records = new Map([
      [md5("session-a"), wapiRecord(uuid, wapiJson(Buffer.from("begun")))],
      [md5("session-b"), undefined],
    ]);
    const put = async (journal: Buffer): Promise<void> => void (await redis.set(at("journal"), journal));
    const read = async (): Promise<object> => {
      const all = await redis.keys(at("*"));
      await source.creds();
      expect((await redis.keys(at("*"))).sort()).toEqual(all.sort());
      return Object.fromEntries(await source.get("session", ["a", "b"]));
    };
    await put(packJournal({ before, changes: { records } }));
    expect(await read()).toEqual({ a: Buffer.from("begun") });
    await put(packJournal({ before, changes: { deleteAll: "keys", records: new Map() } }));
    expect(await read()).toEqual({});
    await put(packJournal({ before: ["of others"], changes: { records } }));
    expect(await read()).toEqual({ a: Buffer.from("a"), b: Buffer.from("b") });
    await put(Buffer.from("{}"));
    await expect(source.creds()).rejects.toMatchObject({ code: "CORRUPT", message: /the journal of/ });
  });
});
