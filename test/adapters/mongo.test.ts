import { MongoClient } from "mongodb";
import mongoose from "mongoose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MongoBlobs, type MongoBlobsOptions, MongoStore } from "../../adapters/mongo.ts";
import { blobContract } from "../contract/index.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { isLong, leaveToLong } from "../support/length.ts";
import { type Service, startMongo, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { storeSuites } from "../support/store-suites.ts";

const runner = { describe, it };
/** Pages come from the driver: with the other ways to it, their test repeats what it shows with a `Db`. */
const shortLists = leaveToLong(runner, "lists more than a page, each key once");

await suiteWith<Service>("MongoDB", shared(startMongo), ({ env }) => {
  const { MONGODB_URI = "" } = env;
  const client = new MongoClient(MONGODB_URI);
  const connection = mongoose.createConnection(MONGODB_URI);
  let unreachable: MongoClient;
  beforeAll(async () => {
    await mongoose.connect(MONGODB_URI);
    unreachable = new MongoClient(`mongodb://127.0.0.1:${CLOSED_PORT}/`, { serverSelectionTimeoutMS: 200 });
  });
  afterAll(async () => {
    await mongoose.disconnect();
    await connection.close();
    await client.close();
    await unreachable.close();
  });

  const ways: Record<string, MongoBlobsOptions> = {
    "a mongoose instance": { mongoose },
    "a mongoose connection": { connection },
    "a Db": { db: client.db() },
  };
  for (const [name, where] of Object.entries(ways)) {
    blobContract(name === "a Db" ? runner : shortLists, {
      name,
      open: () => {
        const collection = unique();
        const blobs = new MongoBlobs({ ...where, collection });
        const again = new MongoBlobs({ connection, collection });
        return { blobs, again, unreachable: new MongoBlobs({ db: unreachable.db(), collection }) };
      },
    });
    if (name === "a Db") {
      const bsonOptions = { promoteLongs: false, promoteValues: false, ignoreUndefined: true };
      const other = client.db(undefined, bsonOptions);
      blobContract(shortLists, {
        name: "a Db with types of its own and small values",
        open: () => {
          const options = { collection: unique(), maxBlobBytes: 64 * 1024 };
          return {
            blobs: new MongoBlobs({ db: other, ...options }),
            again: new MongoBlobs({ db: client.db(), ...options }),
          };
        },
      });
    }
    // A store knows nothing of the way: with the others its suites repeat what they show with the first.
    if (name !== "a mongoose instance" && !isLong) continue;
    storeSuites(name, (options) => {
      const collection = unique();
      const again = (): MongoStore => new MongoStore({ ...options, ...where, collection });
      return { blobs: new MongoBlobs({ ...where, collection }), store: again(), again };
    });
  }

  it("waits for a connection that is being made", async () => {
    const connecting = mongoose.createConnection(MONGODB_URI);
    expect(connecting.readyState).toBe(2);
    const blobs = new MongoBlobs({ connection: connecting, collection: unique() });
    expect(await blobs.get("s/a")).toBeUndefined();
    await connecting.close();
    await expect(blobs.get("s/a")).rejects.toMatchObject({ code: "UNAVAILABLE", hint: /mongoose.connect/ });
  });
});

describe("MongoBlobs", () => {
  it("takes `maxBlobBytes` of 64 KiB to 15 MiB, says it, and sends nothing larger", async () => {
    const db = { collection: () => expect.fail("nothing is sent") };
    for (const maxBlobBytes of [65_535, 16 * 1024 * 1024, 1.5]) {
      expect(() => new MongoBlobs({ db, maxBlobBytes })).toThrow("Expected `maxBlobBytes` to be a whole number");
    }
    const blobs = new MongoBlobs({ db, maxBlobBytes: 1024 * 1024 });
    expect((await blobs.traits()).maxBlobBytes).toBe(1024 * 1024);
    await expect(blobs.put("s/a", Buffer.alloc(1024 * 1024 + 1))).rejects.toMatchObject({ code: "TOO_LARGE" });
  });

  it("needs exactly one of `mongoose`, `connection` and `db`", () => {
    const db = { collection: () => {} };
    expect(() => new MongoBlobs({})).toThrow("exactly one of them");
    expect(() => new MongoBlobs({ mongoose, db })).toThrow("exactly one of them");
    expect(() => new MongoBlobs({ db, collection: "" })).toThrow("Expected `collection` to be the name");
  });
});
