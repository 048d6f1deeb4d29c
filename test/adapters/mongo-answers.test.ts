import { Long, MongoClient, type MongoClientOptions } from "mongodb";
import { afterAll, describe, expect, it } from "vitest";
import { MongoBlobs } from "../../adapters/mongo.ts";
import { type Service, startMongo, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";

await suiteWith<Service>("MongoDB, by clients that are set up otherwise", shared(startMongo), ({ env }) => {
  const settings: Record<string, MongoClientOptions> = {
    "promoteValues: false": { promoteValues: false },
    "raw: true": { raw: true },
    "promoteLongs: false": { promoteLongs: false },
    "promoteBuffers: false": { promoteBuffers: false },
    "useBigInt64: true": { useBigInt64: true },
    "ignoreUndefined, bsonRegExp and checkKeys": { ignoreUndefined: true, bsonRegExp: true, checkKeys: true },
  };
  for (const [name, options] of Object.entries(settings)) {
    describe(name, () => {
      const client = new MongoClient(env.MONGODB_URI ?? "", options);
      afterAll(() => client.close());

      it("reads what it wrote", async () => {
        const blobs = new MongoBlobs({ db: client.db(), collection: unique() });
        await blobs.put("s/a", Buffer.from("value"));
        const found = await blobs.get("s/a");
        expect(Buffer.isBuffer(found)).toBe(true);
        expect(String(found)).toBe("value");
        expect(await blobs.get("s/b")).toBeUndefined();
        const create = blobs.put("s/a", Buffer.from("another"), { ifAbsent: true });
        await expect(create).rejects.toMatchObject({ code: "CONFLICT" });
        for await (const info of blobs.list("s/")) {
          expect(info).toEqual({ key: "s/a", size: 5, modifiedAt: expect.any(Date) });
        }
      });
    });
  }

  it("reads a size that another program has made a 64-bit number", async () => {
    const client = new MongoClient(env.MONGODB_URI ?? "", { promoteLongs: false });
    const collection = unique();
    const documents = client.db().collection<{ _id: string; bytes: Buffer; size: Long; at: Date }>(collection);
    await documents.insertOne({ _id: "s/a", bytes: Buffer.from("12345"), size: Long.fromNumber(5), at: new Date() });
    for (const options of [{ promoteLongs: false }, { useBigInt64: true }, {}]) {
      const db = client.db(undefined, options);
      for await (const info of new MongoBlobs({ db, collection }).list("s/")) expect(info.size).toBe(5);
    }
    await client.close();
  });

  describe("a document that is no blob", () => {
    const client = new MongoClient(env.MONGODB_URI ?? "");
    afterAll(() => client.close());

    it("is damage, not an absence", async () => {
      const collection = unique();
      await client.db().collection<{ _id: string }>(collection).insertOne({ _id: "s/a" });
      const blobs = new MongoBlobs({ db: client.db(), collection });
      await expect(blobs.get("s/a")).rejects.toMatchObject({ code: "CORRUPT" });
    });
  });
});

describe("errors of MongoDB, whichever method is called", () => {
  const failing = (error: Error): MongoBlobs => {
    const fail = (): Promise<never> => Promise.reject(error);
    const cursor = { next: fail, close: async () => {} };
    const collection = { findOne: fail, insertOne: fail, replaceOne: fail, deleteMany: fail, find: () => cursor };
    return new MongoBlobs({ db: { collection: () => collection } });
  };

  it.each<[string, object, string, RegExp?]>([
    ["no primary", { name: "MongoServerError", code: 10107 }, "UNAVAILABLE"],
    ["not the primary any more", { name: "MongoServerError", code: 189 }, "UNAVAILABLE"],
    ["shutting down", { name: "MongoServerError", code: 91 }, "UNAVAILABLE"],
    ["a cursor that was killed", { name: "MongoServerError", code: 43 }, "UNAVAILABLE"],
    ["a majority that did not answer", { name: "MongoWriteConcernError", code: 64 }, "UNAVAILABLE"],
    ["the network", { name: "MongoNetworkError" }, "UNAVAILABLE"],
    ["no server", { name: "MongoServerSelectionError" }, "UNAVAILABLE"],
    ["a client that was closed", { name: "MongoNotConnectedError" }, "UNAVAILABLE"],
    ["a missing right", { name: "MongoServerError", code: 13 }, "DENIED", /find, insert/],
    ["a wrong password", { name: "MongoServerError", code: 18 }, "DENIED"],
    ["a wrong password (Atlas)", { name: "MongoServerError", code: 8000, message: "bad auth" }, "DENIED"],
    [
      "a quota (Atlas)",
      { name: "MongoServerError", code: 8000, message: "you are over your space quota, using 513 MB of 512 MB" },
      "UNAVAILABLE",
      /full/,
    ],
    [
      "a request that is too large (Azure Cosmos DB)",
      { name: "MongoServerError", code: 16, message: "Request size is too large" },
      "TOO_LARGE",
      /maxBlobBytes/,
    ],
    [
      "the same by another number",
      { name: "MongoServerError", code: 1, message: "Message: Request size is too large, ActivityId: 0" },
      "TOO_LARGE",
      /maxBlobBytes/,
    ],
    [
      "the same without a number",
      { name: "MongoServerError", message: "RequestEntityTooLarge (413)" },
      "TOO_LARGE",
      /maxBlobBytes/,
    ],
    [
      "the same, whose number is a BSON type",
      { name: "MongoServerError", code: { _bsontype: "Int32", value: 10334, valueOf: () => 10334 }, message: "no" },
      "TOO_LARGE",
    ],
    ["a document that is too large", { name: "MongoServerError", code: 10334 }, "TOO_LARGE", /maxBlobBytes/],
    [
      "the same (Amazon DocumentDB, Azure DocumentDB)",
      { name: "MongoServerError", code: 2, message: "Size 17876375 is larger than MaxDocumentSize 16793600" },
      "TOO_LARGE",
      /maxBlobBytes/,
    ],
    [
      "the same, by the words of the server",
      {
        name: "MongoServerError",
        message: "BSONObj size: 17825792 (0x1100000) is invalid. Size must be between 0 and 1",
      },
      "TOO_LARGE",
    ],
    [
      "the same, by the driver",
      { name: "MongoInvalidArgumentError", message: "Document is larger than the maximum size 16777216" },
      "TOO_LARGE",
      /maxBlobBytes/,
    ],
    [
      "the same in the error of a bulk write",
      { name: "MongoBulkWriteError", message: "write failed", writeErrors: [{ err: { code: 10334, errmsg: "no" } }] },
      "TOO_LARGE",
      /maxBlobBytes/,
    ],
    [
      "the same in a single error of a bulk write",
      { name: "MongoBulkWriteError", message: "write failed", writeErrors: { code: 17419, errmsg: "no" } },
      "TOO_LARGE",
    ],
    ...[
      "Document exceeds maximum size",
      "object to insert too large. size in bytes: 17825792, max size: 16777216",
      "Resulting document after update is larger than 16777216",
      "The document size of 17825792 bytes exceeds the limit",
      "BSON document of 17825792 exceeds maxBsonObjectSize",
      "The request exceeded 2 MB",
    ].map((message): [string, object, string, RegExp] => [
      message,
      { name: "MongoServerError", code: 2, message },
      "TOO_LARGE",
      /maxBlobBytes/,
    ]),
    ...[
      "waiting for replication timed out; request latency exceeds wtimeout",
      "The request exceeds the number of concurrent operations",
      'Message: {"Errors":["The request exceeds the number of concurrent operations"]}',
      "The request did not complete because the collection's request rate exceeds provisioned throughput",
      "The partition key's object storage exceeds 20 GB",
      "request queue is too large",
      "Request timed out: the request exceeded its time limit",
      "Executor error on a document: Sort exceeded memory limit of 104857600 bytes",
    ].map((message): [string, object, string] => [
      message,
      { name: "MongoServerError", code: 2, message },
      "UNAVAILABLE",
    ]),
    ["a 16 without a word of size", { name: "MongoServerError", code: 16, message: "InvalidLength" }, "UNAVAILABLE"],
    [
      "a rate that is too large (Azure Cosmos DB)",
      { name: "MongoServerError", code: 16500, message: "Request rate is too large. The request rate is too large." },
      "UNAVAILABLE",
    ],
  ])("%s", async (_name, fields, code, hint) => {
    const blobs = failing(Object.assign(new Error("refused"), fields));
    const list = async (): Promise<void> => {
      for await (const info of blobs.list("s/")) expect.fail(info.key);
    };
    for (const call of [
      blobs.get("s/a"),
      blobs.put("s/a", Buffer.from("x")),
      blobs.put("s/a", Buffer.from("x"), { ifAbsent: true }),
      blobs.delete(["s/a"]),
      list(),
    ]) {
      const error = await call.catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code, retryable: code === "UNAVAILABLE" });
      if (hint) expect(error).toMatchObject({ hint: expect.stringMatching(hint) });
    }
  });

  it("have no password of an address in their message, their cause or its stack", async () => {
    const blobs = failing(new Error("could not reach mongodb://bot:pass/word@db.example:27017/bots"));
    const error = await blobs.get("s/a").catch((cause: unknown) => cause);
    expect(error).toMatchObject({ message: expect.stringContaining("db.example") });
    const { message, stack, cause } = error as Error;
    const beneath = cause as Error;
    expect([message, stack, beneath.message, beneath.stack].join("\n")).not.toMatch(/pass|word/);
  });

  it("do not keep a listing that is given up waiting for a server that hangs", async () => {
    const never = (): Promise<never> => new Promise(() => {});
    const collection = { find: () => ({ next: never, close: never }) };
    const blobs = new MongoBlobs({ db: { collection: () => collection } });
    const controller = new AbortController();
    const listing = blobs.list("s/", { signal: controller.signal })[Symbol.asyncIterator]().next();
    const reason = new Error("enough");
    setImmediate(() => controller.abort(reason));
    await expect(listing).rejects.toBe(reason);
  });
});
