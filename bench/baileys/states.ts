// The states that are compared, opened in the process that uses them.
import fs from "node:fs/promises";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { OpenState } from "../../test/support/baileys.ts";
import { silentLogger } from "../../test/support/whatsapp-server/silent-logger.ts";

/** Who keeps the state. */
export type StateKind =
  | "wa-vault on a directory"
  | "useMultiFileAuthState"
  | "useMultiFileAuthState, synced"
  | "wa-vault on Redis"
  | "redis-baileys"
  | "@luoarch/baileys-store-core"
  | "mysql-baileys";

/** Where MariaDB listens. */
export interface MysqlAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** A state in words that travel to another process. */
export interface StateSpec {
  readonly kind: StateKind;
  /** Whether Baileys' `makeCacheableSignalKeyStore` is put on top. */
  readonly isCached?: boolean;
  /** Of its own for each state: a folder's name, a prefix. */
  readonly session: string;
  readonly directory?: string | undefined;
  readonly redisUrl?: string | undefined;
  readonly mysql?: MysqlAddress | undefined;
  /** Where the package of a peer is installed. */
  readonly peerFolder?: string | undefined;
}

/** How long another process is waited for that has the session, in milliseconds: nobody else has it. */
const LEASE_WAIT_MS = 0;

/** Loads what a state needs, as a bot has at its start. */
export async function loadState({ kind, peerFolder = "" }: StateSpec): Promise<void> {
  if (kind === "wa-vault on a directory") await import("../../adapters/fs/index.ts");
  if (kind === "wa-vault on Redis") await Promise.all([import("../../adapters/redis/index.ts"), import("ioredis")]);
  if (kind.startsWith("wa-vault")) await import("../../lib/baileys/index.ts");
  if (kind === "redis-baileys" || kind === "mysql-baileys") createRequire(join(peerFolder, "x.js"))(kind);
  if (kind === "@luoarch/baileys-store-core") await import(luoarchFile(peerFolder));
}

/** Opens a state. What a library writes to the console is dropped: it is no part of a comparison. */
export async function openState(spec: StateSpec): Promise<OpenState> {
  console.debug = () => {};
  console.error = () => {};
  if (spec.kind === "useMultiFileAuthState, synced") syncWrites();
  const opened = await open(spec);
  if (!spec.isCached) return opened;
  const { makeCacheableSignalKeyStore } = await import("baileys");
  const { creds, keys } = opened.state;
  return { ...opened, state: { creds, keys: makeCacheableSignalKeyStore(keys, silentLogger) } };
}

async function open(spec: StateSpec): Promise<OpenState> {
  const { kind, session, directory = "", redisUrl = "", mysql, peerFolder = "" } = spec;
  switch (kind) {
    case "wa-vault on a directory":
    case "wa-vault on Redis":
      return await openOurs(spec);
    case "useMultiFileAuthState":
    case "useMultiFileAuthState, synced": {
      const { useMultiFileAuthState } = await import("baileys");
      return await useMultiFileAuthState(join(directory, session));
    }
    case "redis-baileys": {
      const { useRedisAuthState } = createRequire(join(peerFolder, "x.js"))("redis-baileys");
      const { hostname: host, port } = new URL(redisUrl);
      return await useRedisAuthState({ host, port: Number(port) }, session);
    }
    case "@luoarch/baileys-store-core": {
      const { useRedisAuthState } = await import(luoarchFile(peerFolder));
      const opened: OpenState = await useRedisAuthState({ sessionId: session, redis: { redisUrl } });
      // Without a key it does not find the credentials again that it has stored: no device could be linked.
      await opened.state.keys.set({ session: { none: null } });
      return opened;
    }
    case "mysql-baileys": {
      const { useMySQLAuthState } = createRequire(join(peerFolder, "x.js"))("mysql-baileys");
      return await useMySQLAuthState({ ...mysql, session });
    }
  }
}

async function openOurs({ kind, session, directory = "", redisUrl = "" }: StateSpec): Promise<OpenState> {
  const { useVaultAuthState } = await import("../../lib/baileys/index.ts");
  if (kind === "wa-vault on a directory") {
    const { FileStore } = await import("../../adapters/fs/index.ts");
    return await useVaultAuthState({ store: new FileStore({ directory }), session, leaseWaitMs: LEASE_WAIT_MS });
  }
  const { RedisStore } = await import("../../adapters/redis/index.ts");
  const { Redis } = await import("ioredis");
  const client = new Redis(redisUrl);
  const store = new RedisStore({ client, prefix: `${session}:` });
  const opened = await useVaultAuthState({ store, session, leaseWaitMs: LEASE_WAIT_MS });
  return {
    ...opened,
    close: async () => {
      await opened.close();
      client.disconnect();
    },
  };
}

function luoarchFile(peerFolder: string): string {
  const name = "@luoarch/baileys-store-core";
  return pathToFileURL(join(peerFolder, "node_modules", name, "dist", "redis", "index.js")).href;
}

/**
 * What Baileys' own state writes is as durable as ours: each file is written beside its place, synced, and renamed, and the
 * name is synced before the promise resolves.
 */
function syncWrites(): void {
  const { writeFile, rename, open: openFile } = fs;
  let count = 0;
  fs.writeFile = async (file, data) => {
    const [path, making] = [String(file), `${String(file)}.${++count}.tmp`];
    await writeFile(making, data, { flush: true });
    await rename(making, path);
    const folder = await openFile(dirname(path));
    await folder.sync();
    await folder.close();
  };
  syncBuiltinESMExports();
}
