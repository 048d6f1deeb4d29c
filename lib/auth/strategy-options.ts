import { resolve } from "node:path";
import { invalidOption, VaultError } from "../errors.ts";
import { warningListener } from "../warnings.ts";

/** Options of every strategy that keeps a profile on this machine. The first three are whatsapp-web.js's own. */
export interface StrategyOptions {
  /**
   * Tells several sessions of one folder or store apart: letters, digits, `_` and `-`. A whole number is its text, also
   * `0`. @default none
   */
  clientId?: string | number | bigint | null | undefined;
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
  const warn = warningListener(onWarning);
  return {
    clientId: checkedClientId(clientId),
    dataPath: checkedDataPath(dataPath, warn),
    rmMaxRetries: rmMaxRetries ?? 4,
    closeOnSignals: closeOnSignals ?? true,
    onWarning: warn,
  };
}

/**
 * @returns `undefined` when the id is absent, which `false` and `NaN` are to whatsapp-web.js, too; an empty one is left as
 *   it is, and counts as absent. `0`, which is absent there, is an id: databases count from it
 * @throws `INVALID` with whatsapp-web.js's own sentence unless it is a valid id
 */
function checkedClientId(clientId: StrategyOptions["clientId"]): string | undefined {
  if (clientId === undefined || clientId === null || (clientId as unknown) === false) return undefined;
  if (Number.isNaN(clientId)) return undefined;
  if (clientId === "") return clientId;
  // Ids come as numbers from databases. A number that is no whole one, or that is written with an exponent, is none.
  const isWhole = typeof clientId === "bigint" || Number.isSafeInteger(clientId);
  const text = isWhole ? String(clientId) : clientId;
  if (typeof text === "string" && /^[-_\w]+$/i.test(text)) return text;
  const message = "Invalid clientId. Only alphanumeric characters, underscores and hyphens are allowed.";
  throw new VaultError("INVALID", message);
}

/** The folder as an absolute path: a later `process.chdir` does not move it. */
function checkedDataPath(dataPath: string | undefined, warn: (message: string) => void): string {
  if (dataPath && (typeof dataPath !== "string" || dataPath.includes("\0"))) {
    throw invalidOption("dataPath", "the path of a folder", dataPath);
  }
  const path = resolve(dataPath || "./.wwebjs_auth/");
  if (dataPath === "~" || dataPath?.startsWith("~/")) {
    warn(`The \`~\` in \`dataPath\` is not the home folder: only a shell replaces it. The profile is in ${path}.`);
  }
  return path;
}

/**
 * The name of a client's directory, as whatsapp-web.js spells it: `session-<clientId>` for LocalAuth,
 * `RemoteAuth-<clientId>` for RemoteAuth (which is the session's name too), without the hyphen when `clientId` is
 * absent.
 */
export function sessionNameOf(prefix: "session" | "RemoteAuth", clientId: string | undefined): string {
  return clientId === undefined || clientId === "" ? prefix : `${prefix}-${clientId}`;
}
