import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Address } from "../../address/parse-address.ts";
import { mongoClient } from "../../address/schemes/mongodb.ts";
import { redisClient } from "../../address/schemes/redis.ts";
import { openBucket } from "../../address/schemes/s3.ts";
import { safeCause, safeMessage, VaultError } from "../../lib/errors.ts";
import { wapiSessions } from "../../lib/wapi/index.ts";
import { quoted } from "../terminal/quoted.ts";
import type { OldForm, OldSession, OldSetup } from "./old-setup.ts";
import { wapiSession } from "./wapi.ts";
import { remoteAuthName, type WriteZip, zipSession } from "./zips.ts";

/** What is asked of an old setup on a server. */
export interface ServerOptions {
  readonly secret: { key?: string; passphrase?: string };
  /** Closes a client when the command ends. */
  readonly closeAtEnd: (client: { close(): Promise<unknown> }) => void;
}

/**
 * wwebjs-mongo's sessions: each in the collections `whatsapp-<session>.files` and `.chunks` of GridFS. With `collection` in the
 * address, those of wapi in that collection.
 */
export async function oldMongo(address: Address, { secret, closeAtEnd }: ServerOptions): Promise<OldSetup> {
  const client = await mongoClient(address);
  closeAtEnd(client);
  const db = client.db();
  const name = address.parameters.get("collection");
  if (name !== undefined) {
    const collection = db.collection(name);
    const uuids = await wapiSessions({ collection });
    return { sessions: uuids.map((uuid) => wapiSession({ uuid, collection }, secret)), left: [] };
  }
  const { GridFSBucket } = await import("mongodb");
  return await asked("list the collections of the database", async () => {
    const found: { name: string; write: WriteZip }[] = [];
    for (const collection of await db.listCollections({}, { nameOnly: true }).toArray()) {
      const session = /^whatsapp-(.+)\.files$/.exec(collection.name)?.[1];
      if (session === undefined || (await db.collection(collection.name).findOne()) === null) continue;
      const bucket = new GridFSBucket(db, { bucketName: `whatsapp-${session}` });
      found.push({
        name: session,
        write: (path, signal) =>
          asked(`read ${session}`, () =>
            pipeline(bucket.openDownloadStreamByName(`${session}.zip`), createWriteStream(path), { signal }),
          ),
      });
    }
    return zipSetup("wwebjs-mongo", found);
  });
}

/** wwebjs-aws-s3's sessions: `<folder>/<session>.zip`. */
export async function oldBucket(address: Address, { closeAtEnd }: ServerOptions): Promise<OldSetup> {
  const { client, bucket, prefix } = await openBucket(address);
  closeAtEnd({ close: async () => client.destroy() });
  const { GetObjectCommand, ListObjectsV2Command } = await import("@aws-sdk/client-s3");
  return await asked("list the bucket", async () => {
    const found: { name: string; write: WriteZip }[] = [];
    let from: string | undefined;
    do {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...(from ? { ContinuationToken: from } : {}) }),
      );
      for (const { Key = "" } of page.Contents ?? []) {
        if (!Key.endsWith(".zip")) continue;
        found.push({
          name: Key.slice(prefix.length, -".zip".length),
          write: (path, signal) =>
            asked(`read ${Key}`, async () => {
              const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }), {
                abortSignal: signal,
              });
              await pipeline(Readable.from(Body as AsyncIterable<Uint8Array>), createWriteStream(path), { signal });
            }),
        });
      }
      from = page.NextContinuationToken;
    } while (from !== undefined);
    return zipSetup("wwebjs-aws-s3", found);
  });
}

/** wapi's sessions in Redis: `<prefix>:<uuid>:<hash>`. */
export async function oldRedis(address: Address, { secret, closeAtEnd }: ServerOptions): Promise<OldSetup> {
  const prefix = address.parameters.get("prefix");
  if (prefix === undefined) {
    throw new VaultError("INVALID", "The prefix is missing that wapi was given for its keys.", {
      hint: `Write it into the address: wa-vault migrate ${quoted("redis://host:6379/0?prefix=wapi")}`,
    });
  }
  const { client: redis, close } = await redisClient(address);
  closeAtEnd({ close });
  const uuids = await wapiSessions({ redis, prefix });
  return { sessions: uuids.map((uuid) => wapiSession({ uuid, redis, prefix }, secret)), left: [] };
}

function zipSetup(form: OldForm, found: readonly { name: string; write: WriteZip }[]): OldSetup {
  const sessions: OldSession[] = [];
  const left: string[] = [];
  for (const { name, write } of found.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const session = remoteAuthName(name);
    if (session) sessions.push(zipSession(form, name, session, write));
    else left.push(name);
  }
  return { sessions, left };
}

/** @throws `UNAVAILABLE` or `DENIED` for the error of a client */
async function asked<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof VaultError || (cause instanceof Error && cause.name === "AbortError")) throw cause;
    const {
      name = "",
      code,
      $metadata,
    } = Object(cause) as { name?: string; code?: unknown; $metadata?: { httpStatusCode?: number } };
    const isDenied = [13, 18, 8_000].includes(Number(code)) || [401, 403].includes($metadata?.httpStatusCode ?? 0);
    const isAbsent = name === "NoSuchBucket" || name === "NoSuchKey" || String(code) === "ENOENT";
    const kind = isDenied ? "DENIED" : isAbsent ? "ABSENT" : "UNAVAILABLE";
    throw new VaultError(kind, `Could not ${doing}: ${safeMessage(cause)}`, { cause: safeCause(cause) });
  }
}
