import { expect, it, vi } from "vitest";
import { isLong, times } from "../support/length.ts";
import {
  newBucket,
  type Service,
  s3Client,
  startMongo,
  startRedis,
  startS3,
  unique,
} from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { type BlobsSpec, openBlobs } from "./kill-blobs.ts";
import { killAtMoments } from "./kill-moments.ts";

interface Server {
  readonly name: string;
  start(): Promise<Service>;
  /** Blobs of its own on the server. */
  place(service: Service): Promise<BlobsSpec>;
}

const servers: readonly Server[] = [
  { name: "Redis", start: startRedis, place: async ({ env }) => ({ kind: "redis", env, name: unique() }) },
  { name: "S3", start: startS3, place: bucketOn },
  { name: "MongoDB", start: startMongo, place: async ({ env }) => ({ kind: "mongo", env, name: unique() }) },
];

// The long run kills some hundred processes.
vi.setConfig({ testTimeout: times(300_000, 3_600_000) });

for (const [turn, server] of servers.entries()) {
  await suiteWith(`kill -9 in the life of a session on ${server.name}`, shared(server.start), (service) => {
    // All moments are tried on a directory: here are some of them, others on each server. The long run has all.
    const some =
      (count: number) =>
      (_moment: string, at: number, { length }: readonly string[]): boolean => {
        const every = Math.ceil(length / count);
        return isLong || at % every === (turn * Math.ceil(every / 3)) % every;
      };

    it("before and after requests: the session is as its last call left it, and nothing unneeded stays", async () => {
      const moments = await killAtMoments(await server.place(service), "step", some(6));
      expect(moments.length).toBeGreaterThan(3);
    });

    it("in the middle of puts and deletes: the same", async () => {
      const moments = await killAtMoments(await server.place(service), "amid", some(4));
      expect(moments.length).toBeGreaterThan(2);
    });
  });
}

/** The first store of a bucket tries its server: that is no part of a session's life. */
async function bucketOn({ env }: Service): Promise<BlobsSpec> {
  const client = s3Client({ env });
  const name = await newBucket(client);
  client.destroy();
  const spec: BlobsSpec = { kind: "s3", env, name };
  const { blobs, close } = await openBlobs(spec);
  await blobs.traits();
  await close();
  return spec;
}
