import { resolve } from "node:path";
import { type RedisClient, wireOf } from "../../adapters/redis/wire.ts";
import { loadBaileys } from "../baileys/load-baileys.ts";
import type { AuthenticationCreds } from "../baileys/types.ts";
import { invalidOption } from "../errors.ts";
import { whole } from "../vault/options.ts";
import { assertUuid } from "./names.ts";
import { checkSecret, LONGEST_MS, type RedisAuthOptions, TIMEOUT_MS } from "./options.ts";
import { RecordCipher } from "./record-cipher.ts";
import { RedisKeys } from "./redis-keys.ts";
import { Snapshot } from "./snapshot.ts";
import {
  recordsInFiles,
  recordsInMongo,
  recordsInRedis,
  type StoredRecords,
  type WapiCollection,
} from "./stored-records.ts";

/** Where wapi keeps a session: in Redis, in files `<dir>/<uuid>/<hash>.enc`, or in a collection of MongoDB. */
export type WapiPlace = {
  /** Names the session; its case matters. */
  uuid: string;
} & (
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
    }
);

/** Options of {@link wapiSource} beside the place. */
export interface WapiSourceOptions extends Pick<RedisAuthOptions, "key" | "passphrase" | "timeoutMs" | "baileys"> {
  /**
   * Jids of chats, contacts and groups of the bot. The names of records are hashes: those of a group that nothing else tells
   * of are found by its jid only.
   */
  jids?: Iterable<string> | undefined;
}

/** A session of wapi as the source of a migration. It is only read. */
export interface WapiSource {
  /** For messages. */
  readonly label: string;
  /**
   * Reads all of the session anew; the other methods answer from what was read last.
   * @returns `undefined` when it has no credentials
   * @throws `CORRUPT` when a record is damaged; `WRONG_KEY`; `UNAVAILABLE` and `DENIED` as the place says
   */
  creds(): Promise<AuthenticationCreds | undefined>;
  /** The values of these ids; those that are absent are left out. */
  get(type: string, ids: readonly string[]): Promise<Map<string, unknown>>;
  /** The ids of a family that values and `jids` tell of; not those that are counted, as of pre-keys. */
  knownIds(type: string): Promise<string[]>;
  /** How many of the records that were read last nobody has asked for by {@link get}: their ids are not known. */
  unnamed(): Promise<number>;
}

/**
 * A session of wapi for `migrateAuthState({ from: { wapi: wapiSource(…) }, … })`. End the bot before.
 * @throws `INVALID` when an option is wrong
 */
export function wapiSource(options: WapiPlace & WapiSourceOptions): WapiSource {
  const { uuid, baileys } = Object(options) as WapiPlace & WapiSourceOptions;
  assertUuid(uuid);
  const read = readerOf(options);
  const secret = checkSecret(options);
  const jids = [...(options.jids ?? [])];
  let last: Promise<Snapshot> | undefined;
  const readAnew = async (): Promise<Snapshot> => {
    const module = await loadBaileys(baileys);
    const cipher = await RecordCipher.of(uuid, secret);
    return await Snapshot.of(await read(), { uuid, cipher, baileys: module, jids });
  };
  const snapshot = (): Promise<Snapshot> => {
    last ??= readAnew();
    return last;
  };
  return {
    label: `the session ${uuid} of wapi`,
    creds: async () => {
      last = readAnew();
      return (await last).creds;
    },
    get: async (type, ids) => (await snapshot()).get(type, ids),
    knownIds: async (type) => await (await snapshot()).idsOf(type),
    unnamed: async () => (await snapshot()).unnamed,
  };
}

function readerOf(options: WapiPlace & WapiSourceOptions): () => Promise<StoredRecords> {
  const { uuid } = options;
  if ("redis" in options) {
    const { redis, prefix } = options;
    if (typeof prefix !== "string") throw invalidOption("prefix", "text", prefix);
    const limitMs = whole("timeoutMs", options.timeoutMs, TIMEOUT_MS, 1, LONGEST_MS);
    const keys = new RedisKeys({ wire: wireOf(redis), uuid, prefix });
    return () => recordsInRedis(keys, limitMs);
  }
  if ("dir" in options) {
    if (typeof options.dir !== "string" || options.dir === "") throw invalidOption("dir", "a path", options.dir);
    const directory = resolve(options.dir, uuid);
    return () => recordsInFiles(directory);
  }
  const { collection } = options;
  if (typeof collection?.find !== "function") {
    throw invalidOption("collection", "a collection of MongoDB, or `redis` with `prefix`, or `dir`", collection);
  }
  return () => recordsInMongo(collection, uuid);
}
