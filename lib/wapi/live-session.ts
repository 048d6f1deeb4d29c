import type { RedisClient } from "../../adapters/redis/wire.ts";
import { Mutex } from "../async/mutex.ts";
import { RedisRecords, type RedisRecordsOptions } from "./redis-records.ts";
import { WriteLine } from "./write-line.ts";

/** What all `RedisAuth`s of one session and one client have in common: bots make a new one for each socket. */
export interface LiveSession {
  readonly records: RedisRecords;
  readonly line: WriteLine;
  /** Credentials are looked at and set in turns. */
  readonly saving: Mutex;
  /** How often the session was removed. */
  removals: number;
  /** The highest id that a pre-key was ever stored under, as far as this process knows. */
  preKeyMark: number;
}

const sessions = new WeakMap<RedisClient, Map<string, LiveSession>>();

/** The session; the same as long as the client is there, whatever the options are. */
export function liveSession(client: RedisClient, options: RedisRecordsOptions): LiveSession {
  const ofClient = sessions.get(client) ?? new Map<string, LiveSession>();
  sessions.set(client, ofClient);
  const name = JSON.stringify([options.prefix, options.uuid]);
  const live = ofClient.get(name) ?? newSession(options);
  ofClient.set(name, live);
  return live;
}

function newSession(options: RedisRecordsOptions): LiveSession {
  const records = new RedisRecords(options);
  return { records, line: new WriteLine(records), saving: new Mutex(), removals: 0, preKeyMark: 0 };
}
