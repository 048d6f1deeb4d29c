import { resolve } from "node:path";
import { VaultError } from "../errors.ts";
import { warningListener } from "../warnings.ts";

/** Options of every strategy that keeps a profile on this machine. The first three are whatsapp-web.js's own. */
export interface StrategyOptions {
  /** Tells several sessions of one folder or store apart: letters, digits, `_` and `-`. @default none */
  clientId?: string | undefined;
  /** Folder of the local profiles. @default "./.wwebjs_auth/" */
  dataPath?: string | undefined;
  /** How often the removal of a local profile is tried again after a logout. @default 4 */
  rmMaxRetries?: number | undefined;
  /**
   * On SIGTERM, SIGINT or SIGHUP, destroy the client, which makes the last save, then let the signal have its usual
   * effect. Off when puppeteer's own `handleSIGTERM`, `handleSIGINT` or `handleSIGHUP` is set. @default true
   */
  closeOnSignals?: boolean | undefined;
  /**
   * Called with warnings that need no action now, e.g. that a local profile was set aside.
   * @default `process.emitWarning`
   */
  onWarning?: ((message: string) => void) | undefined;
}

/** Checked options, with their defaults. */
export interface StrategySettings {
  readonly clientId: string | undefined;
  readonly dataPath: string;
  readonly rmMaxRetries: number;
  readonly closeOnSignals: boolean;
  readonly onWarning: (message: string) => void;
}

/** @throws `INVALID`, with whatsapp-web.js's own sentence for a bad `clientId` */
export function checkStrategyOptions(options: StrategyOptions): StrategySettings {
  const { clientId, dataPath, rmMaxRetries, closeOnSignals, onWarning } = options;
  checkClientId(clientId);
  return {
    clientId,
    dataPath: resolve(dataPath || "./.wwebjs_auth/"),
    rmMaxRetries: rmMaxRetries ?? 4,
    closeOnSignals: closeOnSignals ?? true,
    onWarning: warningListener(onWarning),
  };
}

/** @throws `INVALID` with whatsapp-web.js's own sentence, unless `clientId` is absent, empty or a valid id. */
function checkClientId(clientId: string | undefined): void {
  if (!clientId || (typeof clientId === "string" && /^[-_\w]+$/i.test(clientId))) return;
  const message = "Invalid clientId. Only alphanumeric characters, underscores and hyphens are allowed.";
  throw new VaultError("INVALID", message);
}

/**
 * The name of a client's directory, as whatsapp-web.js spells it: `session-<clientId>` for LocalAuth,
 * `RemoteAuth-<clientId>` for RemoteAuth (which is the session's name too), without the hyphen when `clientId` is
 * absent.
 */
export function sessionNameOf(prefix: "session" | "RemoteAuth", clientId: string | undefined): string {
  return clientId ? `${prefix}-${clientId}` : prefix;
}
