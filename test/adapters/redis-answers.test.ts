import { Redis } from "ioredis";
import { afterAll, describe, expect, it } from "vitest";
import { RedisBlobs, type RedisClient, RedisStore } from "../../adapters/redis/index.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { type Service, startRedis, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";

describe("errors of Redis, whichever method is called", () => {
  it.each<[string, string, RegExp?]>([
    ["LOADING Redis is loading the dataset in memory", "UNAVAILABLE"],
    ["MOVED 3999 127.0.0.1:6381", "UNAVAILABLE"],
    ["CLUSTERDOWN Hash slot not served", "UNAVAILABLE"],
    ["READONLY You can't write against a read only replica.", "UNAVAILABLE"],
    ["MASTERDOWN Link with MASTER is down", "UNAVAILABLE"],
    ["TRYAGAIN Multiple keys request during rehashing of slot", "UNAVAILABLE"],
    ["NOREPLICAS Not enough good replicas to write.", "UNAVAILABLE"],
    ["OOM command not allowed when used memory > 'maxmemory'.", "UNAVAILABLE"],
    ["MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", "UNAVAILABLE"],
    ["connect ECONNREFUSED 127.0.0.1:6379", "UNAVAILABLE"],
    ["Connection is closed.", "UNAVAILABLE"],
    ["NOAUTH Authentication required.", "DENIED"],
    ["WRONGPASS invalid username-password pair or user is disabled.", "DENIED"],
    ["NOPERM User reader has no permissions to run the 'set' command", "DENIED"],
    ["WRONGTYPE Operation against a key holding the wrong kind of value", "INVALID"],
    ["ERR unknown command 'UNLINK', with args beginning with: ", "INVALID"],
    ["ERR Protocol error: invalid bulk length", "TOO_LARGE", /maxBlobBytes/],
    ["Protocol error: invalid multibulk length", "TOO_LARGE", /maxBlobBytes/],
    ["ERR max request size exceeded. Limit: 1048576 bytes, Actual: 1277695 bytes. See …", "TOO_LARGE", /maxBlobBytes/],
    ["ERR max single record size exceeded. Limit: 104857600 bytes", "TOO_LARGE", /maxBlobBytes/],
    ["ERR string exceeds maximum allowed size (proto-max-bulk-len)", "TOO_LARGE", /maxBlobBytes/],
    ["ERR request is too large (proxy)", "TOO_LARGE", /maxBlobBytes/],
    ["ERR value too big", "TOO_LARGE", /maxBlobBytes/],
    ["ERR value of 'set' is too large", "TOO_LARGE", /maxBlobBytes/],
    ["ERR string is too long", "TOO_LARGE", /maxBlobBytes/],
    ["ERR Protocol error: too big bulk count string", "TOO_LARGE", /maxBlobBytes/],
    ["ERR This request took too long and was cancelled", "UNAVAILABLE"],
    ["ERR Command timed out: request took too long", "UNAVAILABLE"],
    ["ERR the command was running for too long", "UNAVAILABLE"],
    ["ERR the request queue is too large", "UNAVAILABLE"],
    ["ERR value of latency too big", "UNAVAILABLE"],
    ["ERR request exceeds the maximum queue length", "UNAVAILABLE"],
    ["ERR the database exceeds its maximum size", "UNAVAILABLE"],
    ["ERR max daily request limit exceeded. Limit: 10000, Usage: 10000.", "UNAVAILABLE"],
    ["ERR max concurrent connections exceeded", "UNAVAILABLE"],
    ["ERR DB capacity quota exceeded", "UNAVAILABLE"],
    ["ERR the request rate is too large", "UNAVAILABLE"],
    ["OOM command not allowed: the value is too large for 'maxmemory'.", "UNAVAILABLE", /memory/],
  ])("%s", async (message, code, hint) => {
    const fail = (): Promise<never> => Promise.reject(new Error(message));
    const multi = (): { exec: () => Promise<never> } => ({ exec: fail });
    const blobs = new RedisBlobs({
      client: { getBuffer: fail, hget: fail, hscan: fail, scan: fail, multi, info: fail } as RedisClient,
    });
    const list = async (): Promise<void> => {
      for await (const { key } of blobs.list("s/")) expect.fail(key);
    };
    for (const call of [
      blobs.get("s/a"),
      blobs.put("s/a", Buffer.from("x")),
      blobs.put("s/a", Buffer.from("x"), { ifAbsent: true }),
      blobs.delete(["s/a"]),
      list(),
    ]) {
      const expected = hint === undefined ? {} : { hint: expect.stringMatching(hint) };
      await expect(call).rejects.toMatchObject({ code, retryable: code === "UNAVAILABLE", ...expected });
    }
  });
});

it("an aborted transaction is refused for the size of its value, by both libraries", async () => {
  const refused = new Error("ERR Protocol error: invalid bulk length");
  const aborted = new Error("EXECABORT Transaction discarded because of previous errors.");
  const ofIoRedis = Object.assign(new Error(aborted.message), { previousErrors: [refused] });
  const ofNodeRedis = Object.assign(new Error("2 commands failed"), { replies: [refused, aborted] });
  for (const error of [ofIoRedis, ofNodeRedis]) {
    const client = { getBuffer: async () => null, multi: () => ({ exec: () => Promise.reject(error) }) };
    const blobs = new RedisBlobs({ client: client as unknown as RedisClient });
    const put = blobs.put("s/a", Buffer.from("x"), { ifAbsent: true });
    await expect(put).rejects.toMatchObject({ code: "TOO_LARGE", retryable: false });
  }
});

await suiteWith<Service>("Redis that lost something", shared(startRedis), ({ env }) => {
  const client = new Redis(env.REDIS_URL ?? "");
  afterAll(() => client.disconnect());
  const session = "RemoteAuth-bot";

  it("all of a session but its name: CORRUPT, never an absence, whichever method is called", async () => {
    const prefix = `${unique()}:`;
    const store = new RedisStore({ client, prefix, retries: 0 });
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    await client.del(`${prefix}{${session}}:keys`);
    const again = new RedisStore({ client, prefix, retries: 0 });
    for (const call of [
      () => again.sessionExists({ session }),
      () => again.state({ session }),
      () => again.acquire({ session }),
      () => again.restoreProfile({ session, into: "never" }),
      () => again.delete({ session }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "CORRUPT", hint: expect.stringContaining("_sessions/") });
    }
  });
});
