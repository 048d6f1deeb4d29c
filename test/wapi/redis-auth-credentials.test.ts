import { randomUUID, type UUID } from "node:crypto";
import * as baileys from "baileys";
import { Redis } from "ioredis";
import { afterAll, describe, expect, it } from "vitest";
import { type RedisClient, wireOf } from "../../adapters/redis/wire.ts";
import { RedisAuth, type RedisAuthOptions } from "../../lib/wapi/index.ts";
import { CREDS_NAME } from "../../lib/wapi/names.ts";
import { RedisRecords } from "../../lib/wapi/redis-records.ts";
import { linked } from "../baileys/support/states.ts";
import { testKey } from "../support/keys.ts";
import { type Service, startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { expectWarning } from "../support/warnings.ts";
import { md5, wapiJson, wapiRecord } from "./support/wapi-format.ts";

// The failure of a save that nobody waits for is told as a warning, of any save as it happens.
expectWarning(/WaVaultWarning: (Could not store|Credentials not loaded|Redis \w+ failed)/);

describe("RedisAuth", () => {
  const client = new Redis({ lazyConnect: true });
  const uuid = randomUUID();
  const make =
    (...args: unknown[]): (() => RedisAuth) =>
    () =>
      new RedisAuth(...(args as [string, RedisClient, string, RedisAuthOptions]));

  it.each(["", "bot", `${uuid}0`, `{${uuid}}`, uuid.replaceAll("-", "")])(
    "refuses %j as a UUID, as wapi does",
    (text) => {
      expect(make(text, client, "p")).toThrow(`'${text}' is not a valid UUID.`);
    },
  );

  it("refuses what is no text as a UUID, and shows nothing of it", () => {
    expect(make({ secret: "secret" }, client, "p")).toThrow("'object' is not a valid UUID.");
  });

  it("names the option that is wrong", () => {
    expect(make(uuid, {}, "p")).toThrow("Expected `client` to be a client of ioredis");
    expect(make(uuid, client, undefined)).toThrow("Expected `prefix` to be text, got undefined.");
    expect(make(uuid, client, "p", { ttlSeconds: 0 })).toThrow("Expected `ttlSeconds`");
    expect(make(uuid, client, "p", { timeoutMs: -1 })).toThrow("Expected `timeoutMs`");
    expect(make(uuid, client, "p", { onWarning: 1 })).toThrow("Expected `onWarning`");
    expect(make(uuid, client, "p", { key: testKey(1), passphrase: "a passphrase" })).toThrow("and not both");
    // A variable that is not set never turns the encryption off.
    expect(make(uuid, client, "p", { key: undefined })).toThrow("Expected `key`");
    expect(make(uuid, client, "p", { passphrase: undefined })).toThrow("Expected `passphrase`");
    expect(make(uuid, client, "p", { key: "c2VjcmV0" })).toThrow(expect.not.stringContaining("c2VjcmV0"));
  });

  it("rejects `save` before `init`, as wapi does", async () => {
    await expect(new RedisAuth(uuid, client, "p").save()).rejects.toThrow("Credentials not loaded.");
  });
});

await suiteWith<Service>("credentials in Redis", shared(startRedis), ({ env }) => {
  const io = new Redis(env.REDIS_URL ?? "");
  afterAll(() => io.disconnect());

  const session = (): {
    uuid: UUID;
    open: (options?: RedisAuthOptions) => RedisAuth;
    at: (key: string) => string;
  } => {
    const [uuid, prefix] = [randomUUID(), unique()];
    return {
      uuid,
      open: (options) => new RedisAuth(uuid, io, prefix, options),
      at: (key) => `${prefix}:${uuid}:${md5(key)}`,
    };
  };
  /** A session that is linked, and has the record `session a`. */
  const linkedSession = async (options?: RedisAuthOptions): Promise<ReturnType<typeof session>> => {
    const made = session();
    const auth = made.open(options);
    const { creds, keys } = await auth.init();
    Object.assign(creds, linked());
    await auth.save();
    await keys.set({ session: { a: Buffer.from("a") } });
    return made;
  };

  it.each([
    ["cut", (record: Buffer) => record.subarray(0, -1)],
    ["empty", () => Buffer.alloc(0)],
    ["of another uuid", () => wapiRecord(randomUUID(), wapiJson(baileys.initAuthCreds()))],
  ])("that are %s are CORRUPT, and stay as they are", async (_name, damage) => {
    const { open, at, uuid } = await linkedSession();
    const damaged = damage((await io.getBuffer(at("creds"))) ?? Buffer.alloc(0));
    await io.set(at("creds"), damaged);
    const auth = open();
    await expect(auth.init()).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(`Could not decrypt the credentials of ${uuid}: `),
    });
    await expect(auth.save()).rejects.toThrow("Credentials not loaded.");
    expect(await io.getBuffer(at("creds"))).toEqual(damaged);
  });

  it.each(["{}", "[]", "5", '"x"', "{x", "", '{"noiseKey":{}}', wapiJson({ ...baileys.initAuthCreds(), noiseKey: 1 })])(
    "%j is CORRUPT, and no new device",
    async (text) => {
      const { open, at, uuid } = session();
      await io.set(at("creds"), wapiRecord(uuid, text));
      await expect(open().init()).rejects.toMatchObject({
        code: "CORRUPT",
        message: expect.stringContaining(`Could not read the credentials of ${uuid}: `),
      });
    },
  );

  it("a record of the keys that is damaged is CORRUPT, by name; the others are read", async () => {
    const { open, at, uuid } = await linkedSession();
    await io.set(at("session-b"), Buffer.from("no record, but some bytes of it"));
    const { keys } = await open().init();
    await expect(keys.get("session", ["a", "b"])).rejects.toMatchObject({
      code: "CORRUPT",
      message: `Could not decrypt session b of ${uuid}: it is not what was stored under this uuid.`,
    });
    expect(await keys.get("session", ["a"])).toEqual({ a: Buffer.from("a") });
  });

  it("of a linked device are never replaced by others that are not linked, before `remove`", async () => {
    const { open } = session();
    // Two processes that show a QR; the one is linked.
    const [one, other] = [open(), open()];
    const { creds } = await one.init();
    const late = await other.init();
    await other.save();
    Object.assign(creds, linked());
    await one.save();
    await expect(other.save()).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("they are not linked to a phone, and those that are stored are"),
    });
    expect((await open().init()).creds.me).toEqual(linked().me);
    // Linked as well, they are the newer ones.
    Object.assign(late.creds, linked("Bert"));
    await other.save();
    expect((await open().init()).creds.me?.name).toBe("Bert");
    await one.remove();
    const next = await one.init();
    await one.save();
    expect((await open().init()).creds.noiseKey).toEqual(next.creds.noiseKey);
  });

  it("are stored in the order of the calls, also where one of them had to be looked at first", async () => {
    const { open } = session();
    const auth = open();
    const { creds } = await auth.init();
    const unlinked = auth.save();
    Object.assign(creds, linked());
    await Promise.all([unlinked, auth.save()]);
    expect((await open().init()).creds.me).toEqual(linked().me);
  });

  it("that are none are refused, and those that are stored stay", async () => {
    const { open } = await linkedSession();
    const auth = open();
    const { creds } = await auth.init();
    Reflect.deleteProperty(creds.noiseKey, "private");
    await expect(auth.save()).rejects.toMatchObject({ code: "INVALID", message: /`noiseKey.private` is missing/ });
    expect((await open().init()).creds.noiseKey.private).toHaveLength(32);
  });

  it("never give an id of a pre-key twice, although the process died before it has saved them", async () => {
    const { open } = await linkedSession();
    const { creds, keys } = await open().init();
    const first = creds.nextPreKeyId;
    const ids = Array.from({ length: 250 }, (_, index) => first + index).filter((id) => id !== first + 3);
    await keys.set({ "pre-key": Object.fromEntries(ids.map((id) => [id, { public: Buffer.of(1) }])) });
    expect((await open().init()).creds.nextPreKeyId).toBe(first + 250);
  });

  it("make no unhandled rejection when nobody waits for `save`", async () => {
    const auth = session().open();
    void auth.save();
    // An unhandled rejection fails the run.
    await new Promise((resolve) => setImmediate(resolve));
  });

  describe("with a key of one's own", () => {
    it("go on from what was stored without it; from then on the uuid alone reads nothing new", async () => {
      const { open } = await linkedSession();
      const auth = open({ key: testKey(1) });
      const { creds, keys } = await auth.init();
      expect(creds.me).toEqual(linked().me);
      expect(await keys.get("session", ["a"])).toEqual({ a: Buffer.from("a") });
      await keys.set({ session: { b: Buffer.from("b") } });
      const without = await open().init();
      await expect(without.keys.get("session", ["b"])).rejects.toMatchObject({ code: "WRONG_KEY" });
      await auth.save();
      await expect(open().init()).rejects.toMatchObject({ code: "WRONG_KEY" });
      await expect(open({ key: testKey(2) }).init()).rejects.toMatchObject({ code: "WRONG_KEY" });
      const again = await open({ key: testKey(1).toString("base64") }).init();
      expect(await again.keys.get("session", ["a", "b"])).toEqual({ a: Buffer.from("a"), b: Buffer.from("b") });
    });

    it("of a passphrase as well", async () => {
      const { open } = await linkedSession({ passphrase: "correct horse battery" });
      await expect(open().init()).rejects.toMatchObject({ code: "WRONG_KEY" });
      await expect(open({ passphrase: "incorrect horse battery" }).init()).rejects.toMatchObject({ code: "WRONG_KEY" });
      expect((await open({ passphrase: "correct horse battery" }).init()).creds.me).toEqual(linked().me);
    });
  });

  describe("with an expiry", () => {
    const ttlOf = async (key: string): Promise<number> => io.ttl(key);

    it("outlived by all other records, and renewed by each change", async () => {
      const { open, at } = await linkedSession();
      expect(await ttlOf(at("creds"))).toBe(-1);
      const { keys } = await open({ ttlSeconds: 1000 }).init();
      await keys.set({ session: { b: Buffer.from("b") } });
      expect(await ttlOf(at("creds"))).toBeGreaterThan(900);
      expect(await ttlOf(at("creds"))).toBeLessThanOrEqual(1000);
      // What was stored without an expiry has one too.
      for (const key of ["session-a", "session-b"]) expect(await ttlOf(at(key))).toBeGreaterThan(1900);
      await io.expire(at("creds"), 10);
      await keys.set({ session: { b: Buffer.from("b") } });
      expect(await ttlOf(at("creds"))).toBeGreaterThan(900);
    });

    it("gone as a whole: a new device, and no damage", async () => {
      const { open, at } = await linkedSession({ ttlSeconds: 1000 });
      await io.pexpire(at("creds"), 1);
      await expect.poll(() => io.exists(at("creds"))).toBe(0);
      expect((await open({ ttlSeconds: 1000 }).init()).creds.me).toBe(undefined);
    });

    it("of several, the one of the latest `init` holds for all records with the next change", async () => {
      const { open, at } = await linkedSession({ ttlSeconds: 1000 });
      const first = await open({ ttlSeconds: 1000 }).init();
      // Made, and not opened: it decides nothing.
      open({ ttlSeconds: 5 });
      await first.keys.set({ session: { b: Buffer.from("b") } });
      expect(await ttlOf(at("creds"))).toBeGreaterThan(900);
      await open({ ttlSeconds: 5000 }).init();
      await first.keys.set({ session: { b: Buffer.from("2") } });
      expect(await ttlOf(at("creds"))).toBeGreaterThan(4900);
      for (const key of ["session-a", "session-b"]) expect(await ttlOf(at(key))).toBeGreaterThan(9900);
      await open().init();
      await first.keys.set({ session: { c: Buffer.from("c") } });
      for (const key of ["creds", "session-a", "session-b", "session-c"]) expect(await ttlOf(at(key))).toBe(-1);
    });

    it.each<[string, RedisAuthOptions]>([
      ["WRONG_KEY", { key: testKey(2) }],
      ["CORRUPT", { key: testKey(1) }],
    ])("is not changed by an `init` that is %s", async (code, options) => {
      for (const [before, after, most] of [
        [undefined, 5, -1],
        [1000, undefined, 1000],
        [1000, 5, 1000],
      ] as const) {
        const expiry = (ttlSeconds: number | undefined): RedisAuthOptions => (ttlSeconds ? { ttlSeconds } : {});
        const { open, at } = await linkedSession({ key: testKey(1), ...expiry(before) });
        const { keys } = await open({ key: testKey(1), ...expiry(before) }).init();
        const creds = (await io.getBuffer(at("creds"))) ?? Buffer.alloc(0);
        if (code === "CORRUPT") await io.set(at("creds"), creds.subarray(0, -1), "KEEPTTL");
        await expect(open({ ...options, ...expiry(after) }).init()).rejects.toMatchObject({ code });
        const ttls = async (): Promise<number[]> => [
          await ttlOf(at("creds")),
          Math.floor((await ttlOf(at("session-a"))) / 2),
        ];
        for (const ttl of await ttls()) expect(ttl).toSatisfy((one: number) => one <= most && one >= most - 100);
        await keys.set({ session: { b: Buffer.from("b") } });
        for (const ttl of await ttls()) expect(ttl).toSatisfy((one: number) => one <= most && one >= most - 100);
      }
    });

    it("that could not be taken away whole is given again with the next change", async () => {
      const [uuid, prefix] = [randomUUID(), unique()];
      const wire = wireOf(io);
      let isAway = false;
      const failing: typeof wire = {
        ...wire,
        multi: async (on, commands) => {
          if (isAway && commands.some(([command, key]) => command === "persist" && String(key).endsWith(CREDS_NAME)))
            throw new Error("away");
          return await wire.multi(on, commands);
        },
      };
      const records = new RedisRecords({ uuid, prefix, ttlSeconds: 1000, onWarning: () => {}, wire: failing });
      await records.open();
      const creds = { records: new Map([[CREDS_NAME, Buffer.from("creds")]]) };
      await records.commit({ records: new Map([...creds.records, ["other", Buffer.from("other")]]) }, false);
      isAway = true;
      await expect(records.expireAfter(undefined)).rejects.toMatchObject({ code: "UNAVAILABLE" });
      await records.commit(creds, false);
      for (const name of [CREDS_NAME, "other"]) expect(await ttlOf(`${prefix}:${uuid}:${name}`)).toBeGreaterThan(900);
      isAway = false;
      await records.expireAfter(undefined);
      await records.commit(creds, false);
      for (const name of [CREDS_NAME, "other"]) expect(await ttlOf(`${prefix}:${uuid}:${name}`)).toBe(-1);
    });

    it("lets states from before a `remove` store nothing, whatever expiry they had", async () => {
      const { open, at } = await linkedSession({ ttlSeconds: 1000 });
      const old = open({ ttlSeconds: 1000 });
      const { keys } = await old.init();
      await open().remove();
      await expect(keys.set({ session: { late: Buffer.from("late") } })).rejects.toMatchObject({ code: "CANCELLED" });
      await expect(old.save()).rejects.toMatchObject({ code: "INVALID" });
      for (const key of ["creds", "session-a", "session-late"]) expect(await io.exists(at(key))).toBe(0);
    });

    it("that is turned off ends for all records", async () => {
      const { open, at } = await linkedSession({ ttlSeconds: 1000 });
      await open().init();
      for (const key of ["creds", "session-a"]) expect(await ttlOf(at(key))).toBe(-1);
    });
  });

  it("values that wapi's JSON has no form for are refused, by name, and nothing of the set is stored", async () => {
    const { open } = await linkedSession();
    const { keys } = await open().init();
    await expect(
      keys.set({ session: { b: Buffer.of(1) }, "sender-key": { c: { n: Number.NaN } } }),
    ).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringMatching(/^Could not store sender-key c of .{36}\.n: it is NaN\.$/),
    });
    expect(await keys.get("session", ["b"])).toEqual({});
  });
});
