import { join } from "node:path";
import { FileBlobs } from "../adapters/fs/index.ts";
import type { BlobStore } from "../lib/blobs.ts";
import { folderPlace, redisPlace, s3Place, type ZipPlace } from "./zip-stores.ts";

/** A backend, in words that travel to another process. */
export type StoreSpec =
  | { readonly kind: "file"; readonly directory: string }
  | { readonly kind: "s3"; readonly env: Readonly<Record<string, string>>; readonly bucket: string }
  | { readonly kind: "redis"; readonly url: string; readonly prefix: string };

export const storeKinds: readonly string[] = ["file", "s3", "redis"];

/** A backend that was started for this run. */
export interface StartedStore {
  /** One line: the kind of the store, and where it was found. */
  readonly way: string;
  /** A new prefix, folder or database on the store: each run of each side gets its own. */
  fresh(): Promise<StoreSpec>;
  stop(): Promise<void>;
}

/** @throws when `kind` is none of {@link storeKinds}, or its service cannot be had here. */
export async function startStore(kind: string, folder: string): Promise<StartedStore> {
  let places = 0;
  const next = (): string => `store-${++places}`;
  if (kind === "file") {
    const fresh = async (): Promise<StoreSpec> => ({ kind, directory: join(folder, next()) });
    return { way: "a directory", fresh, stop: async () => {} };
  }
  const services = await import("../test/support/services/index.ts");
  if (kind === "s3") {
    const service = await services.startS3();
    const client = services.s3Client(service);
    return {
      way: service.way,
      fresh: async () => ({ kind, env: service.env, bucket: await services.newBucket(client) }),
      stop: async () => {
        client.destroy();
        await service.stop();
      },
    };
  }
  if (kind === "redis") {
    const service = await services.startOwnRedis();
    const url = service.env.REDIS_URL ?? "";
    return { way: service.way, fresh: async () => ({ kind, url, prefix: `${next()}:` }), stop: service.stop };
  }
  throw new Error(`--store: expected one of ${storeKinds.join(", ")}, got ${kind}`);
}

/** A store as both sides need it, in the process that measures. */
export interface OpenStore {
  readonly blobs: BlobStore;
  readonly zips: ZipPlace;
  close(): Promise<void>;
}

/** Client libraries are loaded when they are asked for: none weighs on a side that does not use it. */
export async function openStore(spec: StoreSpec): Promise<OpenStore> {
  if (spec.kind === "file") {
    const { directory } = spec;
    return { blobs: new FileBlobs({ directory }), zips: folderPlace(directory), close: async () => {} };
  }
  if (spec.kind === "s3") {
    const { S3Blobs } = await import("../adapters/s3/index.ts");
    const { s3Client } = await import("../test/support/services/clients.ts");
    const { env, bucket } = spec;
    const client = s3Client({ env });
    const close = async (): Promise<void> => client.destroy();
    return { blobs: new S3Blobs({ client, bucket }), zips: s3Place(client, bucket), close };
  }
  const { RedisBlobs } = await import("../adapters/redis/index.ts");
  const { Redis } = await import("ioredis");
  const { url, prefix } = spec;
  const client = new Redis(url);
  const close = async (): Promise<void> => void (await client.quit());
  return { blobs: new RedisBlobs({ client, prefix }), zips: redisPlace(client, prefix), close };
}
