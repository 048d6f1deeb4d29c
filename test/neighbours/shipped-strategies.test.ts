import { EventEmitter } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { MongoStore } from "../../adapters/mongo.ts";
import { RedisStore } from "../../adapters/redis/index.ts";
import { S3Store } from "../../adapters/s3/index.ts";
import type { SessionStore } from "../../lib/store.ts";
import { assertSameFiles, type Files, filesIn, noise, profileFiles, writeFiles } from "../contract/profile.ts";
import { useOwnDirectory } from "../support/own-directory.ts";
import {
  newBucket,
  type Service,
  s3Client,
  startMongo,
  startRedis,
  startS3,
  unique,
} from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { whatsapp, whatsappVersions } from "../support/whatsapp.ts";

const folder = useOwnDirectory();

/** Makes stores over one client, which is let go of at the end. */
interface Maker {
  make(name: string, dataPath: string): SessionStore;
  close(): Promise<unknown> | unknown;
}

const makers: Record<
  string,
  [() => Promise<Pick<Service, "env" | "way" | "stop">>, (service: Service) => Promise<Maker>]
> = {
  file: [async () => ({ env: {}, way: "a directory", stop: async () => {} }), directories],
  redis: [startRedis, redis],
  s3: [startS3, s3],
  mongo: [startMongo, mongo],
};

for (const [kind, [start, open]] of Object.entries(makers)) {
  await suiteWith(`our ${kind} store`, shared(start), (service) => {
    let maker: Maker;
    beforeAll(async () => {
      maker = await open(service as Service);
    });
    afterAll(() => maker.close());

    describe.each(whatsappVersions)("under the RemoteAuth of whatsapp-web.js %s", (version) => {
      it("stores its saves, restores them on another machine, and deletes them on logout", async () => {
        const [clientId, name] = [unique(), `w${unique()}`];
        const machine = async (): Promise<Machine> => {
          const dataPath = await newFolder();
          return openMachine(version, maker.make(name, dataPath), dataPath, clientId);
        };
        const [large, bytes] = ["Default/IndexedDB/x/000005.ldb", 300_000];
        const first = await machine();
        await first.start();
        await writeFiles(profileFiles("first", { [large]: noise(bytes) }), first.profile);
        await first.strategy.storeRemoteSession({ emit: true });
        const later = profileFiles("second", { [large]: noise(bytes, 2) });
        await writeFiles(later, first.profile);
        await first.strategy.storeRemoteSession();
        await first.strategy.destroy();

        const second = await machine();
        await second.start();
        // Their unzip resolves before the last file is on disk.
        const lengths = async (): Promise<number[]> => lengthsOf(await filesIn(second.profile));
        await expect.poll(lengths, { timeout: 120_000 }).toEqual(lengthsOf(later));
        assertSameFiles(await filesIn(second.profile), later);
        await second.strategy.logout();

        const third = await machine();
        await third.start();
        expect(await filesIn(third.profile)).toEqual({});
      });
    });
  });
}

async function directories(): Promise<Maker> {
  return { make: (name, dataPath) => new FileStore({ directory: join(folder, name), dataPath }), close: () => {} };
}

async function redis({ env }: Service): Promise<Maker> {
  const client = new Redis(env.REDIS_URL ?? "");
  return {
    make: (name, dataPath) => new RedisStore({ client, prefix: `${name}:`, dataPath }),
    close: () => client.disconnect(),
  };
}

async function s3(service: Service): Promise<Maker> {
  const client = s3Client(service);
  const bucket = await newBucket(client);
  return {
    make: (name, dataPath) => new S3Store({ client, bucket, prefix: `${name}/`, dataPath }),
    close: () => client.destroy(),
  };
}

async function mongo({ env }: Service): Promise<Maker> {
  const client = new MongoClient(env.MONGODB_URI ?? "");
  return {
    make: (name, dataPath) => new MongoStore({ db: client.db(), collection: name, dataPath }),
    close: () => client.close(),
  };
}

function lengthsOf(files: Files): number[] {
  return Object.values(files)
    .map((content) => content.length)
    .sort();
}

interface Machine {
  strategy: ShippedRemoteAuth;
  profile: string;
  start(): Promise<void>;
}

/** The methods of the shipped strategies that the tests call. */
interface ShippedRemoteAuth {
  setup(client: EventEmitter): void;
  beforeBrowserInitialized(): Promise<void>;
  storeRemoteSession(options?: { emit: boolean }): Promise<void>;
  destroy(): Promise<void>;
  logout(): Promise<void>;
}

function openMachine(
  version: (typeof whatsappVersions)[number],
  store: SessionStore,
  dataPath: string,
  clientId: string,
): Machine {
  const { RemoteAuth } = whatsapp(version);
  const options = { store, dataPath, clientId, backupSyncIntervalMs: 60_000 };
  const strategy = new RemoteAuth(options) as unknown as ShippedRemoteAuth;
  strategy.setup(Object.assign(new EventEmitter(), { options: { puppeteer: {} } }));
  return {
    strategy,
    profile: join(dataPath, `RemoteAuth-${clientId}`),
    start: () => strategy.beforeBrowserInitialized(),
  };
}

async function newFolder(): Promise<string> {
  const path = join(folder, unique());
  await mkdir(path);
  return path;
}
