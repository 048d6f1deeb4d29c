import { loadLibrary } from "../load-library.ts";
import { type Address, withoutParameters } from "../parse-address.ts";
import type { OpenedStore, SchemeOptions } from "../scheme.ts";

/** `mongodb://…/database` or `mongodb+srv://…/database`, with `collection`; the other parameters are the driver's. */
export async function openMongo(address: Address, options: SchemeOptions): Promise<OpenedStore> {
  const MongoClient = await loadLibrary("A store in MongoDB", [
    { name: "mongodb", load: async () => (await import("mongodb")).MongoClient },
    // It has the driver, of a version of its own.
    { name: "mongoose", load: async () => (await import("mongoose")).default.mongo.MongoClient as never },
  ]);
  const { MongoStore } = await import("../../adapters/mongo.ts");
  const client = new MongoClient(withoutParameters(address, ["collection"]));
  const collection = address.parameters.get("collection") ?? undefined;
  return { store: new MongoStore({ ...options, db: client.db(), collection }), close: () => client.close() };
}
