import { createRequire } from "node:module";
import type { AuthStrategy, Client, ClientOptions, Store } from "whatsapp-web.js";
import { isLong } from "./length.ts";

/** The releases of whatsapp-web.js that are tested. */
export type WhatsappVersion = "1.34.4" | "1.34.6" | "1.34.7";

export const whatsappVersions: readonly WhatsappVersion[] = ["1.34.4", "1.34.6", "1.34.7"];

/** For what differs little between releases: all in the long run, the newest one in `npm test`. */
export const whatsappVersionsHere: readonly WhatsappVersion[] = isLong ? whatsappVersions : ["1.34.7"];

/** The part of a release that the tests use. */
export interface Whatsapp {
  version: string;
  Client: new (options: ClientOptions) => Client;
  NoAuth: new () => AuthStrategy;
  LocalAuth: new (options?: { clientId?: string; dataPath?: string }) => AuthStrategy;
  RemoteAuth: new (options: ShippedRemoteAuthOptions) => ShippedRemoteAuth;
}

export interface ShippedRemoteAuthOptions {
  store: Store;
  clientId?: string;
  dataPath?: string;
  backupSyncIntervalMs: number;
}

/** The shipped strategy's own save, which waits a minute when it is left to itself. */
export interface ShippedRemoteAuth extends AuthStrategy {
  storeRemoteSession(options?: { emit?: boolean }): Promise<void>;
}

/**
 * The `RemoteAuth` of a release, which saves only when it is told to: left to itself it does so a minute after READY,
 * and two of its saves at once end neither. It copies files while the browser writes, and fails when one is gone by
 * then: such a save is tried again.
 */
export function shippedRemoteAuth(
  version: WhatsappVersion | undefined,
  options: Omit<ShippedRemoteAuthOptions, "backupSyncIntervalMs">,
): ShippedRemoteAuth {
  const strategy = new (whatsapp(version).RemoteAuth)({ ...options, backupSyncIntervalMs: 86_400_000 });
  const save = strategy.storeRemoteSession.bind(strategy);
  return Object.assign(strategy, {
    delay: () => new Promise<never>(() => {}),
    async storeRemoteSession(saveOptions?: { emit?: boolean }): Promise<void> {
      for (let attempt = 1; ; attempt++) {
        try {
          return await save(saveOptions);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === 10) throw error;
        }
      }
    },
  });
}

const packages: Record<WhatsappVersion, string> = {
  "1.34.4": "wwebjs-1.34.4",
  "1.34.6": "wwebjs-1.34.6",
  "1.34.7": "whatsapp-web.js",
};

/** A release of whatsapp-web.js. @default 1.34.7 */
export function whatsapp(version: WhatsappVersion = "1.34.7"): Whatsapp {
  return createRequire(import.meta.url)(packages[version]) as Whatsapp;
}
