import { randomUUID, type UUID } from "node:crypto";
import * as baileys from "baileys";
import { describe, expect, it } from "vitest";
import type { RedisClient } from "../../../adapters/redis/wire.ts";
import { RedisAuth, type RedisAuthOptions } from "../../../lib/wapi/index.ts";
import { linked } from "../../baileys/support/states.ts";
import { authStateContract } from "../../contract/index.ts";
import { unique } from "../../support/services/index.ts";
import { md5, VECTOR, wapiJson, wapiRecord, wapiText, wapiValue } from "./wapi-format.ts";

/** What a test knows of a Redis beside the client under test. */
export interface RawRedis {
  getBuffer(key: string): Promise<Buffer | null>;
  set(key: string, value: Buffer): Promise<unknown>;
  /** The keys that begin with this text, without what a client puts before them. */
  keysOf(text: string): Promise<string[]>;
}

/** What a `RedisAuth` does with a client, wherever its keys are. @param tag a part of the prefix */
export function authContract(name: string, client: RedisClient, raw: RawRedis, tag = ""): void {
  /** A session of its own. */
  const session = (): {
    uuid: UUID;
    prefix: string;
    open: (options?: RedisAuthOptions) => RedisAuth;
    at: (key: string) => string;
  } => {
    const uuid = randomUUID();
    const prefix = `${tag}${unique()}`;
    return {
      uuid,
      prefix,
      open: (options) => new RedisAuth(uuid, client, prefix, options),
      at: (key) => `${prefix}:${uuid}:${md5(key)}`,
    };
  };

  authStateContract(
    { describe, it },
    {
      name,
      open: () => {
        const { open } = session();
        return {
          openState: async () => {
            const auth = open();
            return { state: await auth.init(), saveCreds: () => auth.save() };
          },
        };
      },
      skip: [
        { reason: "wapi's records are JSON", tests: ["keeps values as they are"] },
        {
          reason: "names of wapi's records are hashes",
          tests: ["lists the records of a family as they are at the call"],
        },
      ],
    },
  );

  describe(`with ${name}`, () => {
    it("reads what wapi has stored, and wapi reads what it stores", async () => {
      const { uuid, open, at } = session();
      const creds = { ...baileys.initAuthCreds(), ...linked() };
      const version = { version: 3, hash: Buffer.alloc(128, 7), indexValueMap: {} };
      await raw.set(at("creds"), wapiRecord(uuid, wapiJson(creds)));
      await raw.set(at("app-state-sync-version-regular"), wapiRecord(uuid, wapiJson(version)));
      const auth = open();
      const state = await auth.init();
      expect(auth.uuid).toBe(uuid);
      expect(state.creds.noiseKey).toEqual(creds.noiseKey);
      expect(state.creds.me).toEqual(creds.me);
      expect(await state.keys.get("app-state-sync-version", ["regular", "none"])).toEqual({ regular: version });

      const pair = { public: Buffer.of(1, 2, 3), private: Buffer.of(4, 5, 6) };
      await state.keys.set({ "pre-key": { 5: pair }, "lid-mapping": { "551199_reverse": "22" } });
      state.creds.accountSyncCounter = 7;
      await auth.save();
      const stored = async (key: string): Promise<Buffer> => (await raw.getBuffer(at(key))) ?? Buffer.alloc(0);
      expect(wapiText(uuid, await stored("pre-key-5"))).toBe(VECTOR.text);
      expect(wapiValue(uuid, await stored("lid-mapping-551199_reverse"))).toBe("22");
      expect(wapiValue(uuid, await stored("creds"))).toMatchObject({ accountSyncCounter: 7, noiseKey: creds.noiseKey });
    });

    it("makes new credentials for a session that is absent, and stores nothing before `save`", async () => {
      const { open, prefix } = session();
      const auth = open();
      const { creds } = await auth.init();
      expect(creds.registrationId).toEqual(expect.any(Number));
      expect(await raw.keysOf(prefix)).toEqual([]);
      await auth.save();
      expect((await open().init()).creds.noiseKey).toEqual(creds.noiseKey);
    });

    it("sees what was set and saved before it is stored, also in another state of the same session", async () => {
      const { open } = session();
      const [one, other] = [open(), open()];
      const state = await one.init();
      Object.assign(state.creds, linked("Bert"));
      const late = [one.save(), state.keys.set({ session: { a: Buffer.of(1) } })];
      const next = await other.init();
      expect(next.creds.me?.name).toBe("Bert");
      expect(await next.keys.get("session", ["a"])).toEqual({ a: Buffer.of(1) });
      await Promise.all(late);
    });

    it("stores hundreds of records at once", async () => {
      const { open, prefix } = session();
      const { keys } = await open().init();
      const ids = Array.from({ length: 812 }, (_, index) => String(index + 1));
      const pair = { public: Buffer.alloc(32, 1), private: Buffer.alloc(32, 2) };
      await keys.set({ "pre-key": Object.fromEntries(ids.map((id) => [id, pair])) });
      expect(await raw.keysOf(prefix)).toHaveLength(812 + 1);
      const found = await (await open().init()).keys.get("pre-key", ids);
      expect(Object.keys(found)).toEqual(ids);
      expect(found["812"]).toEqual(pair);
    });

    it("`keys.clear` deletes all but the credentials, and nothing of others", async () => {
      const { open, prefix, uuid } = session();
      const auth = open();
      const { keys } = await auth.init();
      await auth.save();
      await keys.set({ session: { a: Buffer.of(1) }, "pre-key": { 1: { a: 1 } } });
      const others = [`${prefix}:${uuid}`, `${prefix}x:${uuid}:${md5("creds")}`, `x${prefix}:${uuid}:a`];
      for (const key of others) await raw.set(key, Buffer.from("other"));
      await keys.clear();
      expect(await keys.get("session", ["a"])).toEqual({});
      const left = ["pre-key-mark", md5("creds")].map((name) => `${prefix}:${uuid}:${name}`);
      expect((await raw.keysOf(`${prefix}:${uuid}:`)).sort()).toEqual(left.sort());
      for (const key of others) expect(await raw.getBuffer(key)).toEqual(Buffer.from("other"));
    });

    it("`remove` deletes everything; what is stored late by states from before stays away", async () => {
      const { open, prefix } = session();
      const auth = open();
      const { creds, keys } = await auth.init();
      Object.assign(creds, linked());
      await auth.save();
      const late = keys.set({ session: { a: Buffer.of(1) } });
      const removing = auth.remove();
      // The listener of `creds.update` of a bot, which does not wait.
      void auth.save();
      await expect(auth.save()).rejects.toThrow("Credentials not loaded.");
      await expect(keys.set({ session: { b: Buffer.of(1) } })).rejects.toMatchObject({ code: "CANCELLED" });
      await expect(keys.clear()).rejects.toMatchObject({ code: "CANCELLED" });
      const next = await auth.init();
      expect(next.creds.noiseKey).not.toEqual(creds.noiseKey);
      expect(await next.keys.get("session", ["a"])).toEqual({});
      await Promise.all([late, removing]);
      expect(await raw.keysOf(prefix)).toEqual([]);
      await auth.save();
      await next.keys.set({ session: { c: Buffer.of(1) } });
      expect(await raw.keysOf(prefix)).toHaveLength(2);
      await open().remove();
      expect(await raw.keysOf(prefix)).toEqual([]);
    });
  });
}

/** A client of ioredis as a {@link RawRedis}; of a Cluster, with one for each node. */
export function rawRedis(
  client: Omit<RawRedis, "keysOf">,
  nodes: readonly { keys(pattern: string): Promise<string[]> }[],
): RawRedis {
  return {
    getBuffer: (key) => client.getBuffer(key),
    set: (key, value) => client.set(key, value),
    keysOf: async (text) => {
      const all = await Promise.all(nodes.map((node) => node.keys("*")));
      return all.flat().filter((key) => key.startsWith(text));
    },
  };
}
