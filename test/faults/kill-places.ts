import { newBucket, type Service, s3Client, unique } from "../support/services/index.ts";
import { type BlobsSpec, openBlobs } from "./kill-blobs.ts";

/** Blobs of their own on a server, for processes that are killed. */
export async function placeOn(kind: "redis" | "s3" | "mongo" | "postgres", { env }: Service): Promise<BlobsSpec> {
  if (kind !== "s3") return { kind, env, name: unique() };
  const client = s3Client({ env });
  const name = await newBucket(client);
  client.destroy();
  const spec: BlobsSpec = { kind, env, name };
  // The first store of a bucket tries its server: that is no part of a session's life.
  const { blobs, close } = await openBlobs(spec);
  await blobs.traits();
  await close();
  return spec;
}
