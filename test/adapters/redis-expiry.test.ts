import { Redis } from "ioredis";
import { afterAll, expect, it } from "vitest";
import { RedisBlobs, RedisStore } from "../../adapters/redis/index.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { type Service, startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";

await suiteWith<Service>("Redis, where keys go by themselves", shared(startRedis), ({ env }) => {
  const io = new Redis(env.REDIS_URL ?? "");
  afterAll(() => io.disconnect());

  it("renews the expiry of all keys of a session with a write, and no key outlives the index", async () => {
    const prefix = `${unique()}:`;
    await new RedisBlobs({ client: io, prefix, ttlSeconds: 500 }).put("s/old", Buffer.from("1"));
    await new RedisBlobs({ client: io, prefix, ttlSeconds: 1000 }).put("s/new", Buffer.from("2"));
    expect(await io.ttl(`${prefix}{s}:keys`)).toBeGreaterThan(900);
    expect(await io.ttl(`${prefix}{s}/old`)).toBeGreaterThan(1900);
    expect(await io.ttl(`${prefix}{s}/new`)).toBeGreaterThan(1900);
  });

  it("keeps a session known until it expires, as a whole", async () => {
    const prefix = `${unique()}:`;
    const store = new RedisStore({ client: io, prefix, ttlSeconds: 1000 });
    const known = `${prefix}{_sessions}/x`;
    const lease = await store.acquire({ session: "x" });
    await store.saveProfile({ session: "x", lease, capture: captureOf(profileFiles("one")) });
    await io.expire(known, 500);
    await store.saveProfile({ session: "x", lease, capture: captureOf(profileFiles("two")) });
    expect(await io.pttl(known)).toBeGreaterThan(900_000);
    // A write gives first the one and then the other its time: they are compared while none is under way.
    await lease.release();
    const answers = await io.multi().pttl(known).pttl(`${prefix}{x}:keys`).exec();
    const [left = 0, ofSession = 0] = (answers ?? []).map(([, ms]) => Number(ms));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(ofSession);
    expect(await io.ttl(`${prefix}{_sessions}:keys`)).toBe(-1);
    // As the server does it, first this and then that.
    for (const gone of [known, `${prefix}{x}:keys`]) {
      await io.del(gone);
      await store.state({ session: "x" });
    }
    expect(await store.state({ session: "x" })).toBeUndefined();
    const next = await store.acquire({ session: "x" });
    await store.saveProfile({ session: "x", lease: next, capture: captureOf(profileFiles("one")) });
    expect(await io.exists(known)).toBe(1);
  });

  it("notices a value that the server has evicted, and never creates it again", async () => {
    const prefix = `${unique()}:`;
    const blobs = new RedisBlobs({ client: io, prefix });
    await blobs.put("s/log/1", Buffer.from("entry"), { ifAbsent: true });
    await io.del(`${prefix}{s}/log/1`);
    await expect(blobs.get("s/log/1")).rejects.toMatchObject({ code: "CORRUPT", hint: /noeviction/ });
    const again = blobs.put("s/log/1", Buffer.from("other"), { ifAbsent: true });
    await expect(again).rejects.toMatchObject({ code: "CORRUPT" });
    expect(await io.exists(`${prefix}{s}/log/1`)).toBe(0);
  });
});
