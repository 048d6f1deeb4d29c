import type { RedisClient } from "../../adapters/redis/wire.ts";
import { Mutex } from "../async/mutex.ts";
import { RedisRecords, type RedisRecordsOptions } from "./redis-records.ts";
import { WriteLine } from "./write-line.ts";

/** What all `RedisAuth`s of one session and one client have in common: bots make a new one for each socket. */
export interface LiveSession {
  readonly line: WriteLine;
  /** Credentials are looked at and set in turns. */
  readonly saving: Mutex;
  /** How often the session was removed. */
  removals: number;
  /** The highest id that a pre-key was ever stored under, as far as this process knows. */
  preKeyMark: number;
}

const sessions = new WeakMap<RedisClient, Map<string, LiveSession>>();

/** The session; the same as long as the client is there. */
export function liveSession(client: RedisClient, options: RedisRecordsOptions): LiveSession {
  const ofClient = sessions.get(client) ?? new Map<string, LiveSession>();
  sessions.set(client, ofClient);
  const name = JSON.stringify([options.prefix, options.uuid, options.ttlSeconds]);
  const live = ofClient.get(name) ?? {
    line: new WriteLine(new RedisRecords(options)),
    saving: new Mutex(),
    removals: 0,
    preKeyMark: 0,
  };
  ofClient.set(name, live);
  return live;
}
