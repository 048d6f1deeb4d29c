import { mkdirSync } from "node:fs";
import type { AuthStrategy } from "whatsapp-web.js";
import type { SessionStore } from "../../lib/store.ts";
import { openStore, type StoreSpec } from "./stores.ts";
import { shippedRemoteAuth, type WhatsappVersion, whatsapp } from "./whatsapp.ts";

/** Ours, or with `shipped-` those of whatsapp-web.js. */
export type StrategyKind = "none" | "local" | "remote" | "shipped-local" | "shipped-remote";

/** An auth strategy, in words that travel to another process. */
export interface StrategySpec {
  strategy: StrategyKind;
  store?: StoreSpec;
  dataPath: string;
  clientId?: string;
  version?: WhatsappVersion;
  /** Of ours; the shipped one saves when it is told to. @default 60000 */
  backupSyncIntervalMs?: number;
  /** Further options of the strategy. */
  options?: Record<string, unknown>;
}

// Loaded when they are asked for.
const strategies: Record<StrategyKind, (spec: StrategySpec) => Promise<object>> = {
  none: async () => new (await import("../../lib/auth/no-auth.ts")).NoAuth(),
  local: async (spec) => new (await import("../../lib/auth/local-auth.ts")).LocalAuth(own(spec)),
  remote: async (spec) =>
    new (await import("../../lib/auth/remote-auth.ts")).RemoteAuth({ ...own(spec), ...(await remote(spec)) }),
  "shipped-local": async (spec) => new (whatsapp(spec.version).LocalAuth)(own(spec)),
  "shipped-remote": async (spec) => {
    // The shipped one crashes when its dataPath does not exist.
    mkdirSync(spec.dataPath, { recursive: true });
    return shippedRemoteAuth(spec.version, { ...own(spec), store: await storeOf(spec) });
  },
};

export async function openStrategy(spec: StrategySpec): Promise<AuthStrategy> {
  return (await strategies[spec.strategy](spec)) as AuthStrategy;
}

function own({ dataPath, clientId, options }: StrategySpec): { dataPath: string; clientId?: string } {
  return { dataPath, ...(clientId === undefined ? {} : { clientId }), ...options };
}

async function remote(spec: StrategySpec): Promise<{ store: SessionStore; backupSyncIntervalMs: number }> {
  return { store: await storeOf(spec), backupSyncIntervalMs: spec.backupSyncIntervalMs ?? 60_000 };
}

async function storeOf({ strategy, store, dataPath }: StrategySpec): Promise<SessionStore> {
  if (!store) throw new Error(`The strategy ${strategy} needs a store.`);
  return await openStore({ dataPath, ...store });
}
