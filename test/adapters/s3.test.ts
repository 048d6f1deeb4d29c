import type { S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { S3Blobs, S3Store } from "../../adapters/s3/index.ts";
import { blobContract } from "../contract/index.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { isLong, leaveToLong } from "../support/length.ts";
import { newBucket, type Service, s3Client, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { storeSuites } from "../support/store-suites.ts";
import { expectWarning } from "../support/warnings.ts";
import { s3Servers } from "./s3-servers.ts";

const runner = { describe, it };
/** A thousand keys are a page: in `npm test` the server is asked for smaller ones. */
const shortPages = leaveToLong(runner, "lists more than a page, each key once");

// While records are set, a listing of S3Proxy lacks keys that have long been there; then a prune leaves everything alone.
expectWarning(/^WaVaultWarning: (Left old data|The store has lost chunks) of Baileys-/);

for (const [name, start] of s3Servers) {
  await suiteWith<Service>(name, shared(start), (service) => {
    const client = s3Client(service);
    let bucket = "";
    let unreachable: S3Client;
    beforeAll(async () => {
      bucket = await newBucket(client);
      unreachable = s3Client(service, { endpoint: `http://127.0.0.1:${CLOSED_PORT}`, maxAttempts: 1 });
    });
    afterAll(() => {
      client.destroy();
      unreachable.destroy();
    });

    blobContract(shortPages, {
      name,
      open: () => {
        const prefix = `${unique()}/`;
        const blobs = new S3Blobs({ client, bucket, prefix });
        const again = new S3Blobs({ client, bucket, prefix });
        return { blobs, again, unreachable: new S3Blobs({ client: unreachable, bucket, prefix }) };
      },
    });

    it(`${name}: lists more than a page of ten keys, each key once`, async () => {
      const brief = s3Client(service);
      let pages = 0;
      brief.middlewareStack.add(
        (next, { commandName }) =>
          (args) => {
            if (commandName !== "ListObjectsV2Command") return next(args);
            pages++;
            return next({ ...args, input: { ...args.input, MaxKeys: 10 } });
          },
        { step: "initialize" },
      );
      const blobs = new S3Blobs({ client: brief, bucket, prefix: `${unique()}/` });
      const keys = Array.from({ length: 35 }, (_, n) => `s/chunks/1/${String(n).padStart(2, "0")}`);
      for (const key of [...keys, "s/log/1"]) await blobs.put(key, Buffer.from(key));
      const found: string[] = [];
      for await (const { key } of blobs.list("s/chunks/")) found.push(key);
      expect(found).toEqual(keys);
      expect(pages).toBeGreaterThanOrEqual(4);
      brief.destroy();
    });

    storeSuites(
      name,
      (options) => {
        const prefix = `${unique()}/`;
        const again = (): S3Store => new S3Store({ ...options, client, bucket, prefix });
        return { blobs: new S3Blobs({ client, bucket, prefix }), store: again(), again };
      },
      { withAuthState: isLong },
    );
  });
}

describe("S3Blobs", () => {
  it("names the option that is wrong", () => {
    expect(() => new S3Blobs({ client: {} as S3Client, bucket: "b" })).toThrow("Expected `client` to be an S3Client");
    const client = { send: () => {} } as unknown as S3Client;
    expect(() => new S3Blobs({ client, bucket: "" })).toThrow("Expected `bucket` to be the name of a bucket");
  });
});
