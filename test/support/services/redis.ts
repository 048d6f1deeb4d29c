import { execFile } from "node:child_process";
import { once } from "node:events";
import { realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { aptInstall } from "./apt.ts";
import { cacheDirectory } from "./cache.ts";
import { exclusively } from "./lock.ts";
import { findInstalled } from "./path.ts";
import { obtain, type Program } from "./programs.ts";
import { launch, type OwnService, type Place, type Service } from "./service.ts";

/** A Redis: the one in the environment, else one of ours. */
export async function startRedis(): Promise<Service> {
  const { REDIS_URL } = process.env;
  if (!REDIS_URL) return startOwnRedis();
  return { name: "redis", env: { REDIS_URL }, way: "redis: REDIS_URL", stop: async () => {} };
}

/** A standalone Redis. @param settings further arguments, e.g. `["--maxmemory", "8mb"]` */
export async function startOwnRedis(settings: string[] = []): Promise<OwnService> {
  return launchRedis(await obtainRedis(), settings);
}

/** Several Redis nodes that belong together. */
export interface RedisNodes {
  readonly way: string;
  readonly nodes: readonly OwnService[];
  stop(): Promise<void>;
}

const SLOTS = 16_384;
/** A node that only has no time to answer, on a busy machine, is not to be taken for gone. */
const DOWN_AFTER_MS = 600_000;
const PROGRAM = "redis-server";

/** A Cluster of `masters` nodes without replicas. */
export async function startRedisCluster(masters = 3): Promise<RedisNodes> {
  const program = await obtainRedis();
  const nodes: OwnService[] = [];
  for (let i = 0; i < masters; i++) {
    const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", String(DOWN_AFTER_MS)];
    nodes.push(await launchRedis(program, settings, ({ second }) => ["--cluster-port", String(second)]));
  }
  const [first] = nodes;
  if (first === undefined) throw new Error("A cluster needs a node.");
  for (const [i, node] of nodes.entries()) {
    const from = Math.ceil((i * SLOTS) / masters);
    const to = Math.ceil(((i + 1) * SLOTS) / masters) - 1;
    await command(node.port, ["CLUSTER", "ADDSLOTSRANGE", String(from), String(to)]);
    await command(node.port, ["CLUSTER", "SET-CONFIG-EPOCH", String(i + 1)]);
  }
  for (const node of nodes.slice(1)) await meet(first, node);
  for (const node of nodes) {
    await until(async () => {
      const info = await command(node.port, ["CLUSTER", "INFO"]);
      return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${masters}`);
    });
  }
  return group(program, nodes, nodes);
}

async function meet(first: OwnService, node: OwnService): Promise<void> {
  const nodes = await command(node.port, ["CLUSTER", "NODES"]);
  const bus = /@(\d+)/.exec(nodes)?.[1] ?? "";
  await command(first.port, ["CLUSTER", "MEET", "127.0.0.1", String(node.port), bus]);
}

/** Name under which the sentinels know the master. */
export const SENTINEL_MASTER = "wa-vault";

/** What {@link startRedisSentinel} started. `nodes` are the data nodes: the master first, then its replica. */
export interface SentinelNodes extends RedisNodes {
  readonly sentinels: readonly OwnService[];
}

/**
 * A master, a replica, and three sentinels. They promote the replica when the master is gone for ten minutes: who wants
 * to see it sets their `down-after-milliseconds`.
 */
export async function startRedisSentinel(): Promise<SentinelNodes> {
  const program = await obtainRedis();
  const master = await launchRedis(program, ["--repl-diskless-sync-delay", "0"]);
  const replica = await launchRedis(program, ["--replicaof", "127.0.0.1", String(master.port)]);
  await until(async () => (await command(replica.port, ["INFO", "replication"])).includes("master_link_status:up"));
  const sentinels: OwnService[] = [];
  for (let i = 0; i < 3; i++) {
    const sentinel = await launchSentinel(program);
    sentinels.push(sentinel);
    await command(sentinel.port, ["SENTINEL", "MONITOR", SENTINEL_MASTER, "127.0.0.1", String(master.port), "2"]);
    await command(sentinel.port, [
      "SENTINEL",
      "SET",
      SENTINEL_MASTER,
      "down-after-milliseconds",
      String(DOWN_AFTER_MS),
    ]);
    await command(sentinel.port, ["SENTINEL", "SET", SENTINEL_MASTER, "failover-timeout", "10000"]);
  }
  for (const sentinel of sentinels) {
    await until(async () => {
      const info = await command(sentinel.port, ["INFO", "sentinel"]);
      return info.includes("slaves=1") && info.includes("sentinels=3");
    });
  }
  const nodes = [master, replica];
  return { ...group(program, nodes, [...sentinels, ...nodes]), sentinels };
}

/** `redis-server`: also a sentinel, and a node of a cluster. @throws ServiceMissing */
export async function obtainRedis(): Promise<Program> {
  return obtain({
    program: PROGRAM,
    image: { image: "redis:7", entrypoint: PROGRAM },
    source: { cached: () => findInstalled(PROGRAM, [cacheDirectory()]), bring: fetchRedis },
    hint: "Set REDIS_URL, install redis-server, or start Docker.",
  });
}

/**
 * Debian's package `redis-server` also starts a server, at every boot from then on: nobody asked for that. The same
 * program is in `redis-tools` under another name.
 */
async function fetchRedis(): Promise<string> {
  const tool = await aptInstall(["redis-tools"], "redis-check-rdb");
  const server = join(cacheDirectory(), PROGRAM);
  await exclusively(PROGRAM, async () => {
    rmSync(server, { force: true });
    symlinkSync(realpathSync(tool), server);
  });
  const { stdout } = await promisify(execFile)(server, ["--version"]);
  return stdout.startsWith("Redis server") ? server : aptInstall(["redis-server"], PROGRAM);
}

async function launchRedis(
  program: Program,
  settings: string[],
  more: (at: Place) => string[] = () => [],
): Promise<OwnService> {
  return launch({
    name: "redis",
    program,
    // The append-only file makes a killed server keep its confirmed writes.
    args: (at) => [...address(at.port), "--save", "", "--appendonly", "yes", ...settings, ...more(at)],
    ready: answersPing,
    address: (port) => ({ REDIS_URL: `redis://127.0.0.1:${port}` }),
  });
}

async function launchSentinel(program: Program): Promise<OwnService> {
  return launch({
    name: "sentinel",
    program,
    // A sentinel writes its state into its configuration file, and needs a writable one.
    prepare: ({ dir }) => writeFileSync(join(dir, "sentinel.conf"), ""),
    args: ({ port, dir }) => [join(dir, "sentinel.conf"), ...address(port), "--sentinel"],
    ready: answersPing,
    address: (port) => ({ REDIS_SENTINEL: `127.0.0.1:${port}` }),
  });
}

function address(port: number): string[] {
  return ["--port", String(port), "--bind", "127.0.0.1"];
}

async function answersPing(port: number): Promise<boolean> {
  return (await command(port, ["PING"], PING_WITHIN_MS)).includes("PONG");
}

function group(program: Program, nodes: OwnService[], all: OwnService[]): RedisNodes {
  const stop = async (): Promise<void> => {
    for (const node of all) await node.stop();
  };
  return { way: program.way, nodes, stop };
}

const COMMAND_WITHIN_MS = 60_000;
/** It is asked again when no answer comes. */
const PING_WITHIN_MS = 5_000;
const TOGETHER_WITHIN_MS = 180_000;

/**
 * Sends one command over a fresh connection and answers the raw reply: no client library is needed to prepare a server.
 * @param withinMs the longest it waits without hearing anything @default 60000
 */
export async function command(port: number, words: string[], withinMs: number = COMMAND_WITHIN_MS): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.setTimeout(withinMs, () => socket.destroy(new Error(`${words[0]}: no answer within ${withinMs / 1000} s`)));
  try {
    await once(socket, "connect");
    const encoded = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
    socket.write(`*${words.length}\r\n${encoded}`);
    let reply = "";
    while (!isWhole(reply)) {
      const [part] = (await once(socket, "data")) as [Buffer];
      reply += part.toString("latin1");
    }
    if (reply.startsWith("-")) throw new Error(`${words[0]} ${words[1] ?? ""}: ${reply.slice(1).trim()}`);
    return reply;
  } finally {
    socket.destroy();
  }
}

/** Whether a reply has arrived to its end: one line, a bulk of a known length, or an array of bulks. */
function isWhole(reply: string): boolean {
  let [at, left] = [0, 1];
  while (left > 0) {
    const end = reply.indexOf("\r\n", at);
    if (end < 0) return false;
    const size = Number(reply.slice(at + 1, end));
    if (reply[at] === "*") left += size;
    at = end + 2 + (reply[at] === "$" && size >= 0 ? size + 2 : 0);
    left--;
  }
  return reply.length >= at;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TOGETHER_WITHIN_MS;
  while (!(await condition().catch(() => false))) {
    if (performance.now() > deadline) throw new Error("The servers did not find each other.");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
