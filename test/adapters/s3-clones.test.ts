import { HeadObjectCommand, ListObjectsV2Command, type PutObjectCommandInput, type S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { S3Blobs } from "../../adapters/s3/index.ts";
import { newBucket, type Service, s3Client, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { s3Servers } from "./s3-servers.ts";

/** How some clones treat `If-None-Match: *`, played to a real server. */
const clones: Record<string, (asking: S3Client) => BuildMiddleware> = {
  "ignores the condition": () => (next) => (call) => next(unconditional(call)),
  "looks first and writes later": (asking) => (next) => async (call) => {
    const { Bucket, Key, IfNoneMatch } = call.input;
    if (IfNoneMatch !== undefined) {
      const there = await asking.send(new HeadObjectCommand({ Bucket, Key })).then(
        () => true,
        () => false,
      );
      if (there) throw Object.assign(new Error("It is there."), { name: "PreconditionFailed" });
    }
    return next(unconditional(call));
  },
  "does not know the condition": () => (next) => (call) => {
    if (call.input.IfNoneMatch === undefined) return next(call);
    return Promise.reject(Object.assign(new Error("Not implemented."), { name: "NotImplemented" }));
  },
};

interface Call {
  input: PutObjectCommandInput;
  request: { headers: Record<string, string> };
}
type BuildMiddleware = (next: (call: Call) => Promise<unknown>) => (call: Call) => Promise<unknown>;

function unconditional(call: Call): Call {
  delete call.request.headers["if-none-match"];
  return call;
}

for (const [name, start] of s3Servers) {
  await suiteWith<Service>(`${name}, and clones of it`, shared(start), (service) => {
    const client = s3Client(service);
    let bucket = "";
    beforeAll(async () => {
      bucket = await newBucket(client);
    });
    afterAll(() => client.destroy());

    it("is asked once whether it honours If-None-Match, and remembers for the next start", async () => {
      const prefix = `${unique()}/`;
      expect(await new S3Blobs({ client, bucket, prefix }).traits()).toMatchObject({ exclusiveCreate: true });
      expect(await new S3Blobs({ client, bucket, prefix }).traits()).toMatchObject({ exclusiveCreate: true });
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
      expect(Contents.map(({ Key }) => Key)).toEqual([`${prefix}_vault/exclusive-create`]);
    });

    for (const [clone, wrong] of Object.entries(clones)) {
      it(`is not trusted to create exclusively when it ${clone}`, async () => {
        const other = s3Client(service);
        other.middlewareStack.add(wrong(client) as never, { step: "build", name: "wrong" });
        const blobs = new S3Blobs({ client: other, bucket, prefix: `${unique()}/` });
        for (let start = 0; start < 2; start++) expect((await blobs.traits()).exclusiveCreate).toBe(false);
        await blobs.put("s/a", Buffer.from("first"), { ifAbsent: true });
        await expect(blobs.put("s/a", Buffer.from("x"), { ifAbsent: true })).rejects.toMatchObject({
          code: "CONFLICT",
        });
        expect(String(await blobs.get("s/a"))).toBe("first");
        other.destroy();
      });
    }
  });
}
