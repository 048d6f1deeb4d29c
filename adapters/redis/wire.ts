import { invalidOption, VaultError } from "../../lib/errors.ts";
import { codeOf, messageOf } from "./errors.ts";

export { toVaultError } from "./errors.ts";

/** A client of ioredis (a `Redis` or a `Cluster`) or of node-redis (a client, pool, sentinel or cluster). */
export type RedisClient = IoRedisClient | NodeRedisClient;

/** The methods of an ioredis `Redis` or `Cluster` that are used. */
export interface IoRedisClient {
  /** `GET`, with the value as bytes. */
  getBuffer(key: string): Promise<Buffer | null>;
  /** `HGET`. */
  hget(key: string, field: string): Promise<string | null>;
  /** `HSCAN`, one page. */
  hscan(key: string, cursor: string, ...rest: ["MATCH", string, "COUNT", number]): Promise<[string, string[]]>;
  /** `SCAN`, one page. */
  scan(cursor: string, ...rest: ["MATCH", string, "COUNT", number]): Promise<[string, string[]]>;
  /** `MULTI` and `EXEC` of these commands. */
  multi(commands: unknown[][]): { exec(): Promise<[Error | null, unknown][] | null> };
  /** `INFO memory`. */
  info(section: "memory"): Promise<string>;
}

/**
 * The methods of a node-redis client, pool, sentinel or cluster that are used; they differ in the arguments before a
 * command.
 */
export interface NodeRedisClient {
  /** Sends one command. */
  // biome-ignore lint/suspicious/noExplicitAny: four signatures, each generic over modules and protocol versions
  sendCommand(...args: any[]): Promise<any>;
  /** Begins a transaction. */
  // biome-ignore lint/suspicious/noExplicitAny: the same
  multi(...args: any[]): any;
}

/** How many keys one step of a listing or a deletion takes. */
export const KEYS_PER_PAGE = 1_000;

/**
 * The reply to a command by its value. A client may be set up to answer numbers as text (`stringNumbers` of ioredis, the
 * type mappings of node-redis), text as bytes, or either as objects: a comparison with `0` or `"OK"` would miss those.
 */
export type Reply = string | null;

/** One step of a listing. */
export type Page = { cursor: string; entries: [key: string, info: string][] };

/** The requests to a server, through either library. */
export interface Wire {
  /** Whether keys of different slots may be on different servers: one MULTI takes keys of one slot then. */
  readonly isCluster: boolean;
  /** What the client itself puts before each key; it is a part of what decides about the slot. */
  readonly keyPrefix: string;
  get(key: string): Promise<Buffer | null>;
  hget(key: string, field: string): Promise<string | null>;
  hscan(key: string, cursor: string, match: string): Promise<Page>;
  /** The keys that match, of every server that takes writes, in steps; a key may come twice. */
  scan(match: string): AsyncIterable<string[]>;
  /** Replies to commands that take effect together or not at all, as text; `on` is one of their keys. */
  multi(on: string, commands: unknown[][]): Promise<Reply[]>;
  /** `INFO memory` of every server that takes writes; an empty text where the user may not ask. */
  info(): Promise<string[]>;
}

/** The client as a {@link Wire}. @throws `INVALID` for any other value, and for a client that reads from replicas. */
export function wireOf(client: RedisClient): Wire {
  if (typeof (client as Partial<IoRedisClient> | undefined)?.getBuffer === "function") {
    return ioRedis(client as IoRedisClient);
  }
  // Version 4 has no type mappings: binary values would come back as text.
  const node = client as Partial<NodeRedisClient & { withTypeMapping: unknown }> | undefined;
  if (typeof node?.sendCommand === "function" && typeof node.withTypeMapping === "function") {
    return nodeRedis(client as NodeRedisClient);
  }
  throw invalidOption("client", "a client of ioredis, or of redis 5 or newer", client);
}

function ioRedis(client: IoRedisClient): Wire {
  const { options, nodes } = client as IoRedisExtras;
  if ((options?.scaleReads ?? "master") !== "master") throw refuseReplicas("scaleReads");
  if (options?.role === "slave") throw refuseReplicas("role");
  if (options?.readOnly) throw refuseReplicas("readOnly");
  const masters = (): IoRedisClient[] => nodes?.call(client, "master") ?? [client];
  // Before that, a cluster names the nodes that it was given: some of them only.
  const isConnected = (): boolean => nodes === undefined || (client as IoRedisExtras).status === "ready";
  const keyPrefix = String(options?.keyPrefix ?? "");
  return {
    isCluster: nodes !== undefined,
    keyPrefix,
    get: (key) => client.getBuffer(key),
    hget: async (key, field) => replyOf(await client.hget(key, field)),
    hscan: async (key, from, match) => {
      const [cursor, flat] = await client.hscan(key, from, "MATCH", match, "COUNT", KEYS_PER_PAGE);
      return { cursor: String(cursor), entries: pairs(flat) };
    },
    multi: async (_on, commands) => {
      const replies = await client.multi(commands).exec();
      if (replies === null) throw new Error("unexpected reply to EXEC: null");
      for (const [error] of replies) if (error) throw error;
      return replies.map(([, reply]) => replyOf(reply));
    },
    // The client puts its prefix before keys, but neither before patterns nor before keys that are answered.
    scan: (match) =>
      scanAll(
        (isConnected() ? masters() : []).map(
          (node) => (from) => node.scan(from, "MATCH", globOf(keyPrefix) + match, "COUNT", KEYS_PER_PAGE),
        ),
        (key) => key.slice(keyPrefix.length),
      ),
    info: () => asked(masters().map((node) => node.info("memory"))),
  };
}

interface IoRedisExtras extends IoRedisClient {
  options?: { scaleReads?: unknown; role?: string; readOnly?: unknown; keyPrefix?: unknown };
  status?: string;
  /** Of a Cluster only. */
  nodes?: (role: "master") => IoRedisClient[];
}

function nodeRedis(client: NodeRedisClient): Wire {
  const { nodeClient, _options, options } = client as NodeRedisExtras;
  const isCluster = typeof nodeClient === "function";
  if (_options?.useReplicas) throw refuseReplicas("useReplicas");
  if (options?.readonly) throw refuseReplicas("readonly");
  // A cluster takes the slot's key, and a cluster and a sentinel whether a replica may answer: never.
  const route = (on: string): unknown[] => (isCluster ? [on, false] : isSentinel(client) ? [false] : []);
  const send = (on: string, words: string[], options = {}) => client.sendCommand(...route(on), words, options);
  /** Asked each time: a cluster knows its masters once it is connected. */
  const servers = async (): Promise<((words: string[]) => Promise<unknown>)[]> => {
    if (!isCluster) return [(words) => send("", words)];
    const { masters = [] } = client as NodeRedisExtras;
    const found = await Promise.all(masters.map((node) => nodeClient.call(client, node)));
    return found.map((node) => (words) => node.sendCommand(words));
  };
  return {
    isCluster,
    // Commands that are sent as they are get no prefix.
    keyPrefix: "",
    get: (key) => send(key, ["GET", key], AS_BUFFER),
    hget: async (key, field) => replyOf(await send(key, ["HGET", key, field])),
    hscan: async (key, from, match) => {
      const [cursor, flat] = await send(key, ["HSCAN", key, from, "MATCH", match, "COUNT", String(KEYS_PER_PAGE)]);
      return { cursor: String(cursor), entries: pairs(flat) };
    },
    multi: async (on, commands) => {
      const multi = isCluster ? client.multi(on) : client.multi();
      for (const words of commands) multi.addCommand(...route(on), words);
      return ((await multi.exec()) as unknown[]).map(replyOf);
    },
    scan: async function* (match) {
      const words = (from: string): string[] => ["SCAN", from, "MATCH", match, "COUNT", String(KEYS_PER_PAGE)];
      yield* scanAll((await servers()).map((ask) => async (from) => (await ask(words(from))) as [unknown, unknown[]]));
    },
    info: async () => asked((await servers()).map((ask) => ask(["INFO", "memory"]))),
  };
}

interface NodeRedisExtras extends NodeRedisClient {
  /** Of a cluster only. */
  masters?: unknown[];
  nodeClient?: (node: unknown) => Promise<NodeRedisClient>;
  _options?: { useReplicas?: boolean };
  /** Of a single client. */
  options?: { readonly?: boolean };
}

function isSentinel(client: object): boolean {
  return "getSentinelNode" in client;
}

/** @param servers by a cursor, the next cursor and some keys of one server; @param nameOf makes the key that was meant */
async function* scanAll(
  servers: ((cursor: string) => Promise<[cursor: unknown, keys: unknown[]]>)[],
  nameOf = (key: string): string => key,
): AsyncGenerator<string[]> {
  if (servers.length === 0) throw new Error("the client is not connected");
  for (const scan of servers) {
    let cursor = "0";
    do {
      const [next, keys] = await scan(cursor);
      cursor = String(next);
      if (keys.length > 0) yield keys.map((key) => nameOf(String(key)));
    } while (cursor !== "0");
  }
}

/** The pattern that this text alone matches. */
export function globOf(text: string): string {
  return text.replace(/[*?[\]\\^-]/g, "\\$&");
}

/**
 * The policy by which a server may evict values, and so make them absent that were stored; `undefined` when none does.
 * @param infos of {@link Wire.info}; @param mayExpire whether the values have an expiry
 */
export function evictionPolicy(infos: readonly string[], mayExpire: boolean): string | undefined {
  const policies = infos.map((info) => /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? "noeviction");
  return policies.find((policy) => policy.startsWith("allkeys-") || (mayExpire && policy.startsWith("volatile-")));
}

/** The error of a server that {@link evictionPolicy} tells of. */
export function mayEvict(policy: string): VaultError {
  return new VaultError("INVALID", `Redis cannot keep sessions: it may evict them (maxmemory-policy ${policy}).`, {
    hint: "Set `maxmemory-policy noeviction` on the server, or use another server for sessions.",
  });
}

/** node-redis: bulk strings (`$`, character 36) as bytes, not as text. */
const AS_BUFFER = { typeMapping: { 36: Buffer } };

function refuseReplicas(option: string): VaultError {
  return invalidOption(
    `client.${option}`,
    "such that the client reads from masters only, because a replica may be behind",
    option,
  );
}

/** The answers of servers; an empty text for a server that refuses, as it does for a restricted user. */
async function asked(answers: Promise<unknown>[]): Promise<string[]> {
  return Promise.all(answers.map((answer) => answer.then(String, refusalIsNothing)));
}

function refusalIsNothing(error: unknown): string {
  if (codeOf(error) === "DENIED" || /unknown command/i.test(messageOf(error))) return "";
  throw error;
}

function replyOf(reply: unknown): Reply {
  if (reply === null || reply === undefined) return null;
  return typeof reply === "boolean" ? String(Number(reply)) : String(reply);
}

function pairs(flat: unknown[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[2 * i]), String(flat[2 * i + 1])]);
}
