import { parseAddress } from "../address/parse-address.ts";
import { startMongo, startPostgres, startRedis, startS3 } from "../test/support/services/index.ts";
import type { Service } from "../test/support/services/service.ts";
import type { StoreKind, StoreSpec } from "../test/support/stores.ts";

/** A store for the demo, made from nothing. */
export interface DemoStore {
  spec: StoreSpec;
  /** As it is written in a bot's own code. */
  code: string;
  /** How its server was had, when it has one. */
  way?: string;
  close(): Promise<void>;
}

/** By the name that `--store` takes. */
export const demoStores: Record<string, (directory: string) => Promise<DemoStore>> = {
  file: async (directory) => ({
    spec: { kind: "file", directory },
    code: `new FileStore({ directory: "${directory}" })`,
    close: async () => {},
  }),
  redis: () => served("redis", startRedis, 'new RedisStore({ client: new Redis("redis://…") })'),
  s3: () => served("s3", startS3, 'new S3Store({ client: new S3Client({ … }), bucket: "wavaultdemo" })'),
  mongo: () => served("mongo", startMongo, "new MongoStore({ mongoose })"),
  postgres: () =>
    served("postgres", startPostgres, 'new PostgresStore({ pool: new Pool({ connectionString: "postgres://…" }) })'),
};

/** A store that is there already, by its address. @throws `INVALID` when it is none */
export function addressedStore(address: string): DemoStore {
  const { shown } = parseAddress(address);
  return { spec: { kind: "address", address }, code: `await storeFromUrl("${shown}")`, close: async () => {} };
}

async function served(kind: StoreKind, start: () => Promise<Service>, code: string): Promise<DemoStore> {
  const service = await start();
  return {
    spec: { kind, env: service.env, name: "wavaultdemo" },
    code,
    way: service.way,
    close: () => service.stop(),
  };
}
