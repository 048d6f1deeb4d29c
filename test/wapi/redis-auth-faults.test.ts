import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RedisClient, wireOf } from "../../adapters/redis/wire.ts";
import { isVaultError, type VaultError } from "../../lib/errors.ts";
import { RedisAuth, type WapiAuthState } from "../../lib/wapi/index.ts";
import { insist } from "../../lib/wapi/insist.ts";
import { CREDS_NAME } from "../../lib/wapi/names.ts";
import { RedisRecords } from "../../lib/wapi/redis-records.ts";
import { linked } from "../baileys/support/states.ts";
import { onlyLong } from "../support/length.ts";
import {
  type BadNetwork,
  type OwnService,
  type Service,
  startOwnRedis,
  startRedis,
  startToxiproxy,
  unique,
} from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { expectWarning } from "../support/warnings.ts";
import { md5 } from "./support/wapi-format.ts";

// The failure of a save that nobody waits for is told as a warning, of any save as it happens.
expectWarning(/WaVaultWarning: (Could not store|Credentials not loaded|Redis \w+ failed)/);

/** For calls that must fail. */
const SOON_MS = 1_500;
/** For calls that must not. */
const timeoutMs = 120_000;

async function link(auth: RedisAuth): Promise<WapiAuthState> {
  const state = await auth.init();
  Object.assign(state.creds, linked());
  await auth.save();
  return state;
}

// Without the setting, a server that is killed may lose what it has confirmed in the last two seconds.
const startKeepingAll = (): Promise<OwnService> => startOwnRedis(["--appendfsync", "always"]);

await suiteWith<OwnService>("A Redis that goes away", startKeepingAll, (service) => {
  const io = new Redis(service.port, "127.0.0.1").on("error", () => {});
  const node = createClient({ url: service.env.REDIS_URL ?? "" }).on("error", () => {});
  const raw = new Redis(service.port, "127.0.0.1").on("error", () => {});
  beforeAll(async () => {
    await node.connect();
  });
  afterEach(() => service.resume());
  afterAll(() => {
    io.disconnect();
    raw.disconnect();
    node.destroy();
  });

  describe.each<[string, RedisClient]>([
    ["ioredis", io],
    ["node-redis", node],
  ])("%s", (_name, client) => {
    it.each<[string, () => Promise<void>, () => Promise<void> | void]>([
      ["killed", () => service.kill(), () => service.restart()],
      ["frozen", () => service.pause(), () => service.resume()],
    ])(
      "%s: calls are UNAVAILABLE in time, reads see what was set, and it is stored when the server is back",
      async (_how, harm, heal) => {
        const [uuid, prefix] = [randomUUID(), unique()];
        const patient = await link(new RedisAuth(uuid, client, prefix, { timeoutMs }));
        await patient.keys.set({ session: { a: Buffer.from("1"), b: Buffer.from("1"), c: Buffer.from("1") } });
        const auth = new RedisAuth(uuid, client, prefix, { timeoutMs: SOON_MS });
        const { creds, keys } = await insist({ limitMs: timeoutMs, doing: "open" }, () => auth.init());
        await harm();
        const late = [
          expect(keys.set({ session: { a: Buffer.from("2"), b: null } })).rejects.toMatchObject({
            code: "UNAVAILABLE",
            message: expect.stringMatching(/^Could not store records of .+ within 1500 ms: /),
          }),
          expect(keys.get("session", ["c"])).rejects.toMatchObject({ code: "UNAVAILABLE" }),
          expect(new RedisAuth(uuid, client, prefix, { timeoutMs: SOON_MS }).init()).rejects.toMatchObject({
            code: "UNAVAILABLE",
            message: expect.stringMatching(new RegExp(`^Could not read the session ${uuid} within 1500 ms: `)),
          }),
        ];
        creds.accountSyncCounter = 8;
        late.push(expect(auth.save()).rejects.toMatchObject({ code: "UNAVAILABLE" }));
        expect(await keys.get("session", ["a", "b"])).toEqual({ a: Buffer.from("2") });
        await Promise.all(late);
        await heal();
        const stored = async (key: string): Promise<Buffer | null> => raw.getBuffer(`${prefix}:${uuid}:${md5(key)}`);
        await expect.poll(() => stored("session-b"), { timeout: 120_000 }).toBe(null);
        // Another process.
        const again = await new RedisAuth(uuid, raw, prefix, { timeoutMs }).init();
        expect(await again.keys.get("session", ["a", "b", "c"])).toEqual({ a: Buffer.from("2"), c: Buffer.from("1") });
        expect(again.creds.accountSyncCounter).toBe(8);
      },
    );
  });

  it("what is late is given up when another process has saved its credentials since", async () => {
    const [uuid, prefix] = [randomUUID(), unique()];
    const auth = new RedisAuth(uuid, io, prefix, { timeoutMs });
    await link(auth);
    const options = { uuid, prefix, ttlSeconds: undefined, onWarning: () => {} };
    const records = new RedisRecords({ ...options, wire: wireOf(raw) });
    await records.open();
    const changes = { records: new Map([[md5("session-a"), Buffer.from("late")]]) };
    await records.commit(changes, true);
    // Its own credentials are no other's.
    await records.commit(
      { records: new Map([[CREDS_NAME, (await records.get(CREDS_NAME)) ?? Buffer.alloc(0)]]) },
      false,
    );
    await records.commit(changes, true);
    await (await auth.init()).keys.set({ session: { a: Buffer.from("newer") } });
    await records.commit(changes, true);
    await auth.save();
    await (await auth.init()).keys.set({ session: { a: Buffer.from("newest") } });
    await expect(records.commit(changes, true)).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await (await auth.init()).keys.get("session", ["a"])).toEqual({ a: Buffer.from("newest") });
  });

  it("what is late is stored when a failover has brought older credentials of this process back", async () => {
    const [uuid, prefix] = [randomUUID(), unique()];
    const records = new RedisRecords({ uuid, prefix, ttlSeconds: undefined, onWarning: () => {}, wire: wireOf(raw) });
    await records.open();
    for (const text of ["older", "newer"]) {
      await records.commit({ records: new Map([[CREDS_NAME, Buffer.from(text)]]) }, false);
    }
    await raw.set(`${prefix}:${uuid}:${CREDS_NAME}`, "older");
    await records.commit({ records: new Map([[md5("session-a"), Buffer.from("late")]]) }, true);
    expect(await records.get(md5("session-a"))).toEqual(Buffer.from("late"));
  });

  it("that is set to evict: no new device where a session is absent, and a warning where there is one", async () => {
    const [uuid, prefix] = [randomUUID(), unique()];
    await link(new RedisAuth(uuid, io, prefix, { timeoutMs }));
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    for (const client of [raw, node]) {
      for (const policy of ["allkeys-lru", "volatile-ttl", "noeviction"]) {
        await raw.config("SET", "maxmemory-policy", policy);
        const isRefused = (ttlSeconds?: number): Promise<boolean> =>
          new RedisAuth(randomUUID(), client, prefix, { ttlSeconds }).init().then(
            () => false,
            (error) => isVaultError(error, "INVALID") && /noeviction/.test(error.hint ?? ""),
          );
        expect(await isRefused(), policy).toBe(policy === "allkeys-lru");
        expect(await isRefused(1000), policy).toBe(policy !== "noeviction");
        const auth = new RedisAuth(uuid, client, `${prefix}`, { onWarning, timeoutMs });
        expect((await auth.init()).creds.me).toEqual(linked().me);
      }
    }
    expect(warnings.filter((message) => !message.includes("may evict them"))).toEqual([]);
    expect(warnings.length).toBeGreaterThan(0);
  });

  it("that is set to evict: tells whoever has called `init` last", async () => {
    const [uuid, prefix] = [randomUUID(), unique()];
    const told: string[] = [];
    const made = (name: string): RedisAuth =>
      new RedisAuth(uuid, raw, prefix, { timeoutMs, onWarning: () => void told.push(name) });
    await raw.config("SET", "maxmemory-policy", "noeviction");
    await link(made("first"));
    await raw.config("SET", "maxmemory-policy", "allkeys-lru");
    await made("second").init();
    await raw.config("SET", "maxmemory-policy", "noeviction");
    expect(told).toEqual(["second"]);
  });
});

await suiteWith<Service>("A Redis that refuses", shared(startRedis), ({ env }) => {
  const admin = new Redis(env.REDIS_URL ?? "");
  const [user, password] = [unique(), `secret-${unique()}`];
  const { hostname, port } = new URL(env.REDIS_URL ?? "redis://127.0.0.1");
  const address = { host: hostname, port: Number(port) };
  const setUser = async (...rights: string[]): Promise<void> => {
    await admin.call("ACL", "SETUSER", user, "reset", "on", `>${password}`, ...rights);
  };
  afterAll(async () => {
    await admin.call("ACL", "DELUSER", user);
    admin.disconnect();
  });

  it("a user with the rights that docs/wapi.md names can do everything", async () => {
    const [, rights = ""] = /ACL SETUSER wapi on >… ~bots:\* (.+)/.exec(readFileSync("docs/wapi.md", "utf8")) ?? [];
    const prefix = unique();
    await setUser(`~${prefix}:*`, ...rights.split(" "));
    const io = new Redis({ ...address, username: user, password });
    const node = createClient({ url: `redis://${user}:${password}@${hostname}:${port}` });
    await node.connect();
    try {
      for (const client of [io, node]) {
        const auth = new RedisAuth(randomUUID(), client, prefix, { timeoutMs, ttlSeconds: 1000 });
        const { keys } = await link(auth);
        await keys.set({ session: { a: Buffer.of(1), b: Buffer.of(1) } });
        await new RedisAuth(auth.uuid, client, prefix, { timeoutMs }).init();
        await keys.clear();
        await auth.remove();
      }
    } finally {
      io.disconnect();
      node.destroy();
    }
    expect(await admin.keys(`${prefix}*`)).toEqual([]);
  });

  it("writes are DENIED at once; no error has the password", async () => {
    await setUser("~*", "+get", "+ttl", "+info", "+multi", "+exec", "+ping");
    const client = new Redis(`redis://${user}:${password}@${hostname}:${port}`);
    const wrong = new Redis(`redis://${user}:wrong-${password}@${hostname}:${port}`).on("error", () => {});
    try {
      const auth = new RedisAuth(randomUUID(), client, unique(), { timeoutMs });
      const { keys } = await auth.init();
      const errors = await Promise.all(
        [
          keys.set({ session: { a: Buffer.from(password) } }),
          auth.save(),
          new RedisAuth(randomUUID(), client, unique(), { timeoutMs }).remove(),
          new RedisAuth(randomUUID(), wrong, unique(), { timeoutMs }).init(),
        ].map((call) => call.catch((error: unknown) => error)),
      );
      for (const error of errors) {
        expect(error).toMatchObject({ code: "DENIED" });
        expect(told(error)).not.toContain(password);
      }
    } finally {
      client.disconnect();
      wrong.disconnect();
    }
  });
});

interface Behind {
  readonly server: OwnService;
  readonly network: BadNetwork;
  readonly way: string;
  stop(): Promise<void>;
}

async function startBehind(): Promise<Behind> {
  const network = await startToxiproxy();
  const server = await startOwnRedis();
  return {
    server,
    network,
    way: server.way,
    stop: async () => {
      await server.stop();
      await network.stop();
    },
  };
}

await suiteWith<Behind>("Redis behind a bad network", startBehind, ({ server, network }) => {
  const raw = new Redis(server.port, "127.0.0.1");
  afterAll(() => raw.disconnect());

  it("a set that is cut in the middle is there as a whole, or not at all", async () => {
    const line = await network.between(server.port);
    for (const bytes of [6_000, 15_000, 30_000, ...onlyLong(500, 2_000, 11_000)]) {
      const [uuid, prefix] = [randomUUID(), unique()];
      const before = { session: Object.fromEntries(["a", "b", "c", "d"].map((id) => [id, Buffer.alloc(1, id)])) };
      await (await new RedisAuth(uuid, raw, prefix).init()).keys.set(before);
      await line.poison({ type: "limit_data", stream: "upstream", attributes: { bytes } });
      const client = new Redis(line.port, "127.0.0.1", { retryStrategy: () => null, maxRetriesPerRequest: 0 });
      client.on("error", () => {});
      const isCut = bytes < 16_000;
      const auth = new RedisAuth(uuid, client, prefix, { timeoutMs: isCut ? SOON_MS : timeoutMs });
      const large = Object.fromEntries(["a", "b", "c"].map((id) => [id, Buffer.alloc(4_000, 9)]));
      await auth
        .init()
        .then(({ keys }) => keys.set({ session: { ...large, d: null } }))
        .catch((error) => expect(error).toMatchObject({ code: "UNAVAILABLE" }));
      client.disconnect();
      await line.heal();
      const { keys } = await new RedisAuth(uuid, raw, prefix).init();
      const found = await keys.get("session", ["a", "b", "c", "d"]);
      const isNew = Object.keys(found).length === 3;
      expect(found, `${bytes}`).toEqual(isNew ? large : before.session);
      expect(isNew).toBe(!isCut);
    }
  });
});

/** All that an error tells a log. */
function told(error: unknown): string {
  const { cause, hint } = error as VaultError;
  return [error, hint, cause, cause instanceof Error ? cause.stack : ""].map(String).join();
}
