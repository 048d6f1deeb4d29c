import { beforeEach, describe, expect, it } from "vitest";
import { type MongoDatabase, MongoStore, type MongoStoreOptions } from "../../adapters/mongo.ts";
import { RemoteAuth } from "../../lib/auth/remote-auth.ts";
import { isVaultError } from "../../lib/errors.ts";
import { linkedProfile } from "../auth/support/linked-profile.ts";
import { ScriptedClient } from "../auth/support/scripted-client.ts";
import { assertSameFiles, captureOf, filesIn, noise, profileFiles, writeFiles } from "../contract/profile.ts";
import { BLOBS } from "../profile/support/small-profile.ts";
import { useFolder } from "../support/folder.ts";

const session = "RemoteAuth";
const large = { [`${BLOBS}/1/00/1`]: noise(5 * 1024 * 1024) };
const folder = useFolder();
let documents: Map<string, Document>;
beforeEach(() => {
  documents = new Map();
});

interface Document {
  _id: string;
  bytes: Buffer;
}

/** Azure Cosmos DB for MongoDB: a request of more than 2 MB is refused, with a number that MongoDB has for something else. */
const cosmos: MongoDatabase = {
  collection: () => ({
    findOne: async ({ _id }: { _id: string }) => {
      const found = documents.get(_id);
      return found ? copyOf(found) : null;
    },
    insertOne: async (document: Document) => {
      refuse(document.bytes);
      if (documents.has(document._id)) throw Object.assign(new Error("there"), { code: 11_000 });
      documents.set(document._id, copyOf(document));
    },
    replaceOne: async ({ _id }: { _id: string }, content: Omit<Document, "_id">) => {
      refuse(content.bytes);
      documents.set(_id, copyOf({ _id, ...content }));
    },
    deleteMany: async ({ _id }: { _id: { $in: string[] } }) => {
      for (const key of _id.$in) documents.delete(key);
    },
    find: ({ _id }: { _id: { $gte: string; $lt: string } }) => {
      const keys = [...documents.keys()].filter((key) => key >= _id.$gte && key < _id.$lt).sort();
      return { next: async () => documents.get(keys.shift() ?? "") ?? null, close: async () => {} };
    },
  }),
};

function copyOf(document: Document): Document {
  return { ...document, bytes: Buffer.from(document.bytes) };
}

function refuse(bytes: Buffer): void {
  if (bytes.length < 2 * 1024 * 1024) return;
  throw Object.assign(new Error("Request size is too large"), { name: "MongoServerError", code: 16 });
}

const open = (options: Partial<MongoStoreOptions> = {}): MongoStore => new MongoStore({ db: cosmos, ...options });

describe("a service whose documents are 2 MB at most", () => {
  it("refuses a save once, as TOO_LARGE, with a hint; with `maxBlobBytes` it takes the save", async () => {
    const store = open();
    const lease = await store.acquire({ session });
    const capture = captureOf(profileFiles("one", large));
    await expect(store.saveProfile({ session, lease, capture })).rejects.toMatchObject({
      code: "TOO_LARGE",
      retryable: false,
      message: expect.stringContaining("Request size is too large"),
      hint: expect.stringContaining("`maxBlobBytes`"),
    });
    await lease.release();

    const small = open({ maxBlobBytes: 1024 * 1024 });
    const again = await small.acquire({ session });
    await small.saveProfile({ session, lease: again, capture });
    await again.release();
    const into = folder();
    // What was stored in small values is read without the option too.
    await open().restoreProfile({ session, into });
    assertSameFiles(await filesIn(into), profileFiles("one", large));
  });

  it("is told of by a bot at each save that fails, in `remote_session_error`", async () => {
    const strategy = new RemoteAuth({ store: open(), dataPath: folder(), backupSyncIntervalMs: 60_000 });
    const client = new ScriptedClient(strategy);
    await client.initialize("qr");
    await writeFiles({ ...linkedProfile("one"), ...large }, strategy.userDataDir);
    await client.ready();
    await expect(strategy.backup()).rejects.toMatchObject({ code: "TOO_LARGE" });
    await client.destroy();
    const told = client.errors.filter((error) => isVaultError(error, "TOO_LARGE"));
    expect(told).toEqual([expect.objectContaining({ hint: expect.stringContaining("`maxBlobBytes`") })]);
  });
});
