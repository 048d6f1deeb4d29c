import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { S3Blobs, S3Store } from "../../adapters/s3/index.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { assumeRole } from "../support/services/assume-role.ts";
import { newBucket, type OwnService, s3Client, startMinio } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";

const PREFIX = "bots/";
const session = "RemoteAuth-a";
const DENIED = { code: "DENIED", retryable: false };

await suiteWith<OwnService>("docs/s3-policy.json", startMinio, (service) => {
  const owner = s3Client(service);
  const clients = [owner];
  let bucket = "";
  beforeAll(async () => {
    bucket = await newBucket(owner);
  });
  afterAll(() => {
    for (const client of clients) client.destroy();
  });

  /** A client with the rights of the policy, except one action. */
  const allowed = async (without?: string) => {
    const policy = policyFor(bucket, without);
    const client = s3Client(service, { credentials: await assumeRole(service, policy), maxAttempts: 1 });
    clients.push(client);
    return { client, bucket, prefix: PREFIX };
  };

  it("allows all that a store does", async () => {
    const where = await allowed();
    const store = new S3Store({ ...where, keep: 1, retries: 0 });
    const lease = await store.acquire({ session });
    for (let n = 0; n < 4; n++) {
      await store.saveProfile({ session, lease, capture: captureOf(profileFiles(`state ${n}`)) });
    }
    await store.prune({ session, lease });
    expect((await store.state({ session }))?.current?.generation).toBeGreaterThan(1);
    await store.delete({ session, lease, retainMs: 0 });
    expect(await store.sessionExists({ session })).toBe(false);
    await lease.release();
  });

  it("allows nothing beside the prefix", async () => {
    const elsewhere = new S3Blobs({ ...(await allowed()), prefix: "payroll/" });
    await expect(elsewhere.put("s/a", Buffer.from("x"))).rejects.toMatchObject(DENIED);
    await expect(elsewhere.delete(["s/a"])).rejects.toMatchObject(DENIED);
    await new S3Blobs({ client: owner, bucket, prefix: "payroll/" }).put("s/a", Buffer.from("secret"));
    await expect(elsewhere.get("s/a")).rejects.toMatchObject(DENIED);
  });

  it("has no action too many", async () => {
    const unlisted = new S3Blobs(await allowed("s3:ListBucket"));
    await expect(unlisted.list("s/")[Symbol.asyncIterator]().next()).rejects.toMatchObject(DENIED);
    await expect(new S3Blobs(await allowed("s3:GetObject")).get("s/here")).rejects.toMatchObject(DENIED);
    await expect(new S3Blobs(await allowed("s3:PutObject")).traits()).rejects.toMatchObject(DENIED);
    await expect(new S3Blobs(await allowed("s3:DeleteObject")).delete(["s/here"])).rejects.toMatchObject(DENIED);
  });
});

interface Policy {
  Statement: { Action: string | string[] }[];
}

function policyFor(bucket: string, without?: string): Policy {
  const text = readFileSync(new URL("../../docs/s3-policy.json", import.meta.url), "utf8");
  const policy = JSON.parse(text.replaceAll("BUCKET", bucket).replaceAll("PREFIX", PREFIX)) as Policy;
  const Statement = policy.Statement.map((statement) => ({
    ...statement,
    Action: [statement.Action].flat().filter((action) => action !== without),
  }));
  return { ...policy, Statement: Statement.filter(({ Action }) => Action.length > 0) };
}
