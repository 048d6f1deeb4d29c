import { readdir } from "node:fs/promises";
import { globOf, type RedisClient, wireOf } from "../../adapters/redis/wire.ts";
import { diskError, isMissing } from "../disk/errors.ts";
import { invalidOption, safeCause, safeMessage, VaultError } from "../errors.ts";
import { isUuid } from "./names.ts";
import type { WapiCollection } from "./stored-records.ts";

/** Where wapi keeps its sessions, as in `WapiPlace`. */
export type WapiSessionsPlace =
  | {
      /** A client of yours, as `RedisAuth` takes it. */
      redis: RedisClient;
      /** The prefix of wapi. */
      prefix: string;
    }
  | {
      /** The directory that has a folder for each session. */
      dir: string;
    }
  | {
      /** The collection of wapi's documents. */
      collection: WapiCollection;
    };

/**
 * The uuids of all sessions that wapi keeps at a place, sorted. Only keys and names are read.
 * @throws `INVALID` when the place is none; `UNAVAILABLE` or `DENIED` as it says
 */
export async function wapiSessions(place: WapiSessionsPlace): Promise<string[]> {
  const found = new Set<string>();
  for await (const name of namesIn(place)) if (isUuid(name)) found.add(name);
  return [...found].sort();
}

async function* namesIn(place: WapiSessionsPlace): AsyncGenerator<unknown> {
  try {
    if ("redis" in place) {
      if (typeof place.prefix !== "string") throw invalidOption("prefix", "text", place.prefix);
      const base = `${place.prefix}:`;
      const wire = wireOf(place.redis);
      // The client of a Cluster knows the servers once it has an answer.
      await wire.get(base);
      for await (const keys of wire.scan(`${globOf(base)}*`)) {
        for (const key of keys) yield key.slice(base.length).split(":")[0];
      }
    } else if ("dir" in place) {
      yield* await readdir(place.dir).catch((error: unknown) => {
        if (isMissing(error)) return [];
        throw diskError(`list ${place.dir}`, error);
      });
    } else {
      const documents = await place.collection
        .find({}, { readPreference: "primary", projection: { uuid: 1 } })
        .toArray();
      for (const document of documents) yield Reflect.get(Object(document), "uuid");
    }
  } catch (error) {
    if (error instanceof VaultError) throw error;
    throw new VaultError("UNAVAILABLE", `Could not list the sessions of wapi: ${safeMessage(error)}`, {
      cause: safeCause(error),
    });
  }
}
