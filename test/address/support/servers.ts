import { CLOSED_PORT } from "../../support/closed-port.ts";
import { isLong } from "../../support/length.ts";
import {
  newBucket,
  type Service,
  s3Client,
  startMongo,
  startPostgres,
  startRedis,
  startS3,
} from "../../support/services/index.ts";
import { shared } from "../../support/services/suite.ts";

/** A kind of server, and the addresses that stores on it have. */
export interface Kind {
  readonly name: string;
  start(): Promise<Service>;
  /** The port of the server. */
  portOf(service: Service): number;
  /** An address of a store on it, through another port if one is given. */
  addressOf(service: Service, place: Place): string;
  /** Makes what a store does not make by itself: a bucket of this name. */
  prepare?(service: Service, name: string): Promise<void>;
  /** What the client library finds in the environment. */
  env?(service: Service): Record<string, string>;
}

interface Place {
  readonly port: number;
  /** Keeps stores on one server apart. */
  readonly name: string;
  /** Whether the first calls find nobody there. */
  readonly isAway?: boolean;
}

/** One of each scheme but `file`. */
export const kinds: readonly Kind[] = [
  {
    name: "S3",
    start: shared(startS3),
    portOf: ({ env }) => Number(new URL(env.S3_ENDPOINT ?? "").port),
    addressOf: (_, { port, name }) => `s3://${name}/bots?endpoint=http://127.0.0.1:${port}`,
    prepare: async (service, name) => {
      const client = s3Client(service);
      await newBucket(client, name);
      client.destroy();
    },
    env: ({ env: { S3_ENDPOINT: _, ...env } }) => env,
  },
  {
    name: "MongoDB",
    start: shared(startMongo),
    portOf: ({ env }) => Number(new URL(env.MONGODB_URI ?? "").port || 27_017),
    addressOf: ({ env }, { port, name, isAway = port === CLOSED_PORT }) => {
      const { username, password, pathname } = new URL(env.MONGODB_URI ?? "");
      const who = username === "" ? "" : `${username}:${password}@`;
      // Else the driver looks for many seconds, before it says that no server is there.
      const patience = isAway && !isLong ? "&serverSelectionTimeoutMS=500" : "";
      return `mongodb://${who}127.0.0.1:${port}${pathname}?collection=${name}${patience}`;
    },
  },
  {
    name: "Redis",
    start: shared(startRedis),
    portOf: ({ env }) => Number(new URL(env.REDIS_URL ?? "").port || 6_379),
    addressOf: (_, { port, name }) => `redis://127.0.0.1:${port}/0?prefix=${name}:`,
  },
  {
    name: "PostgreSQL",
    start: shared(startPostgres),
    portOf: ({ env }) => Number(new URL(env.POSTGRES_URL ?? "").port || 5_432),
    addressOf: ({ env }, { port, name }) => {
      const url = new URL(env.POSTGRES_URL ?? "");
      url.host = `127.0.0.1:${port}`;
      return `${url.href}?table=${name.replaceAll("-", "_")}`;
    },
  },
];
