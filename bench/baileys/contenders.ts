import { type BadNetwork, startOwnRedis, startToxiproxy } from "../../test/support/services/index.ts";
import type { OwnService } from "../../test/support/services/service.ts";
import type { Contender } from "./compare.ts";
import { startMariadb } from "./mariadb.ts";
import { type PeerName, peerFolder } from "./peers.ts";
import type { MysqlAddress, StateKind } from "./states.ts";

/** The servers that a run has started. */
export interface Servers {
  readonly redis: OwnService;
  readonly redisUrl: string;
  /** Undefined where it could not be had. */
  readonly mysql: MysqlAddress | undefined;
  /** Lines for people: what was started, and what was not. */
  readonly ways: readonly string[];
  /** The address of Redis behind a proxy that holds back each answer. */
  delayedRedis(ms: number): Promise<string>;
  stop(): Promise<void>;
}

export async function startServers({ withMysql = true }: { withMysql?: boolean } = {}): Promise<Servers> {
  const redis = await startOwnRedis();
  const started: OwnService[] = [redis];
  const ways = [redis.way];
  let network: BadNetwork | undefined;
  let mysql: MysqlAddress | undefined;
  if (withMysql) {
    try {
      const { service, address } = await startMariadb();
      started.push(service);
      ways.push(service.way);
      mysql = address;
    } catch (error) {
      ways.push(`mysql-baileys did not run: no MariaDB (${(error as Error).message.split("\n")[0]})`);
    }
  }
  return {
    redis,
    redisUrl: redis.env.REDIS_URL ?? "",
    mysql,
    ways,
    async delayedRedis(ms) {
      network ??= await startToxiproxy();
      const line = await network.between(redis.port);
      await line.poison({ type: "latency", attributes: { latency: ms } });
      return `redis://127.0.0.1:${line.port}`;
    },
    async stop() {
      await network?.stop();
      for (const service of started) await service.stop();
    },
  };
}

/** On the disk: ours, Baileys' own state, and that with its files synced. */
export function onDirectory(directory: string): Contender[] {
  const names = [
    ["wa-vault on a directory"],
    ["useMultiFileAuthState"],
    ["useMultiFileAuthState", "cached"],
    ["useMultiFileAuthState, synced"],
    ["useMultiFileAuthState, synced", "cached"],
  ] as const;
  return names.map(([kind, cached]) => contender(kind, cached !== undefined, { directory }));
}

export async function onRedis(redisUrl: string): Promise<Contender[]> {
  const ours = contender("wa-vault on Redis", false, { redisUrl });
  return [
    ours,
    ...(await withAndWithoutCache("redis-baileys", "redis-baileys", { redisUrl })),
    ...(await withAndWithoutCache("@luoarch/baileys-store-core", "luoarch", { redisUrl })),
  ];
}

export async function onMysql(mysql: MysqlAddress): Promise<Contender[]> {
  return await withAndWithoutCache("mysql-baileys", "mysql-baileys", { mysql });
}

async function withAndWithoutCache(
  kind: StateKind,
  peer: PeerName,
  place: Partial<Contender["spec"]>,
): Promise<Contender[]> {
  const at = { ...place, peerFolder: await peerFolder(peer) };
  return [contender(kind, false, at), contender(kind, true, at)];
}

function contender(kind: StateKind, isCached: boolean, place: Partial<Contender["spec"]>): Contender {
  return { name: isCached ? `${kind}, cached` : kind, spec: { kind, isCached, ...place } };
}
