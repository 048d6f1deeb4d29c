import type { Cluster, Redis } from "ioredis";
import { connecting, type OpenedClient } from "./connecting.ts";
import type { RedisTarget } from "./redis-address.ts";

const CONNECT_WITHIN_MS = 10_000;
const LONGEST_PAUSE_MS = 2_000;

const pause = (times: number): number => Math.min(100 * times, LONGEST_PAUSE_MS);

/** @returns what makes a client of `ioredis` for a target */
export async function openIoredis(): Promise<(target: RedisTarget) => OpenedClient> {
  const { Cluster, Redis } = await import("ioredis");
  return (target) => opened(target.kind === "cluster" ? cluster(target, Cluster) : single(target, Redis));
}

function single({ kind, hosts, database, tls, master, ...who }: RedisTarget, Client: typeof Redis): Redis {
  const common = {
    lazyConnect: true,
    connectTimeout: CONNECT_WITHIN_MS,
    retryStrategy: pause,
    // What a broken connection has not answered fails at once, and is asked again by the store.
    maxRetriesPerRequest: 0,
    db: database,
    ...credentials(who),
    ...(tls === undefined ? {} : { tls }),
  };
  if (kind === "one") return new Client({ ...common, ...hosts[0] });
  const { sentinelUser, sentinelPassword } = who;
  return new Client({
    ...common,
    name: master,
    sentinels: [...hosts],
    sentinelRetryStrategy: pause,
    ...(sentinelUser === undefined ? {} : { sentinelUsername: sentinelUser }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  });
}

function cluster({ hosts, tls, ...who }: RedisTarget, Client: typeof Cluster): Cluster {
  return new Client([...hosts], {
    lazyConnect: true,
    clusterRetryStrategy: pause,
    redisOptions: { connectTimeout: CONNECT_WITHIN_MS, ...credentials(who), ...(tls === undefined ? {} : { tls }) },
    // A certificate is of the name of a host, and not of its address.
    ...(tls === undefined ? {} : { dnsLookup: (host, done) => done(null, host) }),
  });
}

function credentials({ user, password }: { user: string | undefined; password: string | undefined }): object {
  return { ...(user === undefined ? {} : { username: user }), ...(password === undefined ? {} : { password }) };
}

function opened(client: Redis | Cluster): OpenedClient {
  return {
    client,
    connected: connecting({
      client,
      isReady: () => client.status === "ready",
      // It rejects beside the event that has the reason.
      begin: async () => {
        if (client.status === "wait" || client.status === "end") await client.connect().catch(() => {});
      },
    }),
    close: async () => client.disconnect(),
  };
}
