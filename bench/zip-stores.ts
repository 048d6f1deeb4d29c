import { createReadStream, createWriteStream } from "node:fs";
import { copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Redis } from "ioredis";
import type { SessionStore } from "../lib/store.ts";
import type { Traffic } from "./counting-blobs.ts";

/** Where a zip goes and comes from as one value. */
interface ZipPlace {
  has(name: string): Promise<boolean>;
  put(name: string, path: string): Promise<void>;
  get(name: string, path: string): Promise<void>;
  delete(name: string): Promise<void>;
}

/**
 * The four methods that the shipped `RemoteAuth` wants, each in the fewest requests its backend allows: no published
 * store does less.
 */
export class ZipStore implements SessionStore {
  readonly #place: ZipPlace;
  readonly #dataPath: string;
  readonly #traffic: Traffic;

  /** @param dataPath where the strategy leaves its zips: it does not say. */
  constructor(place: ZipPlace, dataPath: string, traffic: Traffic) {
    this.#place = place;
    this.#dataPath = dataPath;
    this.#traffic = traffic;
  }

  async sessionExists({ session }: { session: string }): Promise<boolean> {
    this.#traffic.requests++;
    return this.#place.has(session);
  }

  async save({ session }: { session: string }): Promise<void> {
    const path = join(this.#dataPath, `${session}.zip`);
    const { size } = await stat(path);
    this.#traffic.requests++;
    this.#traffic.bytesSent += size;
    await this.#place.put(session, path);
  }

  async extract({ session, path }: { session: string; path: string }): Promise<void> {
    this.#traffic.requests++;
    await this.#place.get(session, path);
    const { size } = await stat(path);
    this.#traffic.bytesReceived += size;
  }

  async delete({ session }: { session: string }): Promise<void> {
    this.#traffic.requests++;
    await this.#place.delete(session);
  }
}

/** Copies the zip into a folder, and nothing more: it is not even synced. */
export function folderPlace(folder: string): ZipPlace {
  const zip = (name: string): string => join(folder, `${name}.zip`);
  return {
    has: (name) =>
      stat(zip(name)).then(
        () => true,
        () => false,
      ),
    put: async (name, path) => {
      await mkdir(folder, { recursive: true });
      await copyFile(path, zip(name));
    },
    get: (name, path) => copyFile(zip(name), path),
    delete: (name) => rm(zip(name), { force: true }),
  };
}

/** One object, streamed from and to the disk. */
export function s3Place(client: S3Client, bucket: string): ZipPlace {
  const at = (name: string): { Bucket: string; Key: string } => ({ Bucket: bucket, Key: `${name}.zip` });
  return {
    has: (name) =>
      client.send(new HeadObjectCommand(at(name))).then(
        () => true,
        () => false,
      ),
    put: async (name, path) => {
      const { size } = await stat(path);
      await client.send(new PutObjectCommand({ ...at(name), Body: createReadStream(path), ContentLength: size }));
    },
    get: async (name, path) => {
      const { Body } = await client.send(new GetObjectCommand(at(name)));
      await pipeline(Body as Readable, createWriteStream(path));
    },
    delete: async (name) => void (await client.send(new DeleteObjectCommand(at(name)))),
  };
}

/** One value, which has to pass through the memory of the process. */
export function redisPlace(client: Redis, prefix: string): ZipPlace {
  return {
    has: async (name) => (await client.exists(prefix + name)) === 1,
    put: async (name, path) => void (await client.set(prefix + name, await readFile(path))),
    get: async (name, path) => writeFile(path, (await client.getBuffer(prefix + name)) ?? Buffer.alloc(0)),
    delete: async (name) => void (await client.del(prefix + name)),
  };
}

export type { ZipPlace };
