import type { EventEmitter } from "node:events";
import type { RedisClient } from "../../adapters/redis/index.ts";
import { connecting, type OpenedClient } from "./connecting.ts";
import type { RedisTarget } from "./redis-address.ts";

const CONNECT_WITHIN_MS = 10_000;
const LONGEST_PAUSE_MS = 2_000;

/** The members of a client, a sentinel and a cluster that are used here. */
interface NodeClient extends EventEmitter {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  connect(): Promise<unknown>;
  destroy(): unknown;
}

/** @returns what makes a client of `redis` for a target */
export async function openNodeRedis(): Promise<(target: RedisTarget) => OpenedClient> {
  const { createClient, createCluster, createSentinel } = await import("redis");
  return ({ kind, hosts, user, password, database, tls, master, sentinelUser, sentinelPassword }) => {
    const socket = {
      connectTimeout: CONNECT_WITHIN_MS,
      reconnectStrategy: (times: number) => Math.min(100 * (times + 1), LONGEST_PAUSE_MS),
      ...(tls === undefined ? {} : { ...tls, tls: true as const }),
    };
    const node = { ...credentials(user, password), socket };
    if (kind === "one") return opened(createClient({ ...node, database, socket: { ...socket, ...hosts[0] } }));
    if (kind === "cluster") {
      return opened(
        createCluster({ rootNodes: hosts.map((host) => ({ socket: { ...socket, ...host } })), defaults: node }),
      );
    }
    return opened(
      createSentinel({
        name: master,
        sentinelRootNodes: [...hosts],
        nodeClientOptions: { ...node, database },
        sentinelClientOptions: { ...credentials(sentinelUser, sentinelPassword), socket },
      }),
    );
  };
}

function credentials(username: string | undefined, password: string | undefined): object {
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
}

function opened(given: object): OpenedClient {
  const client = given as NodeClient;
  return {
    client: given as RedisClient,
    connected: connecting({
      client,
      isReady: () => client.isReady,
      begin: async () => {
        if (!client.isOpen) await client.connect();
      },
    }),
    close: async () => {
      // One that was never connected has nothing to close, and says so by an error.
      if (client.isOpen) await client.destroy();
    },
  };
}
