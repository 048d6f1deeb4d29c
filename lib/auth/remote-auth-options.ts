import { invalidOption, VaultError } from "../errors.ts";
import { isProfileStore, type SessionStore } from "../store.ts";
import { checkStrategyOptions, type StrategyOptions, type StrategySettings } from "./strategy-options.ts";

/** Options of `RemoteAuth`. The first two, and the first three of every strategy, are whatsapp-web.js's own. */
export interface RemoteAuthOptions extends StrategyOptions {
  /** The store of the session: a store of this package, or any store with whatsapp-web.js's four methods. */
  store: SessionStore;
  /** Time between two saves in milliseconds, 60000 at least. */
  backupSyncIntervalMs: number;
  /** The longest a `destroy()` waits for its last save, in milliseconds. @default 8000 (Docker kills after 10 s) */
  finalSaveTimeoutMs?: number | undefined;
  /**
   * How long a deleted session can be brought back, in milliseconds, in a store of this package.
   * @default the `retainDeletedMs` of the store, which is 7 days by default
   */
  retainDeletedMs?: number | undefined;
  /**
   * How long a start waits for another process that has the session and is alive, in milliseconds; 0: not at all. Only
   * in a store with leases. @default 120000
   */
  leaseWaitMs?: number | undefined;
  /**
   * How many generations before the current one are opened, one after another, when WhatsApp refuses the session; 0:
   * none, the page shows a QR. Only in a store with generations. @default 1
   */
  rollbackOnAuthFailure?: number | undefined;
  /** `"zip"`: use the four methods also with a store that takes profiles file by file. */
  archive?: "zip" | undefined;
}

/** Checked options, with their defaults. */
export interface RemoteAuthSettings extends StrategySettings {
  readonly store: SessionStore;
  readonly intervalMs: number;
  readonly finalSaveTimeoutMs: number;
  /** `undefined`: the store decides. */
  readonly retainDeletedMs: number | undefined;
  readonly leaseWaitMs: number;
  readonly rollbackOnAuthFailure: number;
  /** Whether the store is used by its four methods. */
  readonly zip: boolean;
}

/** The longest interval, in milliseconds: a timer of more than 2^31 - 1 ms fires at once, and the loop adds jitter. */
const LONGEST_MS = 20 * 86_400_000;

/**
 * Checks the options in whatsapp-web.js's order.
 * @throws `INVALID`, with whatsapp-web.js's own sentence for the options that whatsapp-web.js checks
 */
export function checkOptions(options: RemoteAuthOptions): RemoteAuthSettings {
  const settings = checkStrategyOptions(options ?? {});
  const { store, backupSyncIntervalMs, archive } = options ?? {};
  // whatsapp-web.js takes numbers as text too, as they come from the environment.
  if (!(Number(backupSyncIntervalMs) >= 60_000)) {
    throw new VaultError("INVALID", "Invalid backupSyncIntervalMs. Accepts values starting from 60000ms {1 minute}.");
  }
  checkStore(store);
  if (archive !== undefined && archive !== "zip") throw invalidOption("archive", '"zip" or undefined', archive);
  return {
    ...settings,
    store,
    intervalMs: Math.min(Number(backupSyncIntervalMs), LONGEST_MS),
    finalSaveTimeoutMs: Math.min(milliseconds("finalSaveTimeoutMs", options.finalSaveTimeoutMs ?? 8_000), LONGEST_MS),
    retainDeletedMs: retention(options.retainDeletedMs),
    leaseWaitMs: Math.min(Math.round(milliseconds("leaseWaitMs", options.leaseWaitMs ?? 120_000)), LONGEST_MS),
    rollbackOnAuthFailure: steps(options.rollbackOnAuthFailure ?? 1),
    zip: archive === "zip" || !isProfileStore(store),
  };
}

function checkStore(store: SessionStore | undefined): void {
  if (!store) throw new VaultError("INVALID", "Remote database store is required.");
  for (const method of ["sessionExists", "save", "extract", "delete"] as const) {
    if (typeof store[method] !== "function") {
      throw invalidOption("store", `an object with the method \`${method}\``, store);
    }
  }
}

/** The retention in whole milliseconds: a store takes no fractions. */
function retention(value: number | undefined | null): number | undefined {
  return value === undefined || value === null ? undefined : Math.round(milliseconds("retainDeletedMs", value));
}

function milliseconds(name: string, value: number): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw invalidOption(name, "a number of milliseconds, 0 or more", value);
}

function steps(value: number): number {
  if (Number.isInteger(value) && value >= 0) return value;
  throw invalidOption("rollbackOnAuthFailure", "a whole number, 0 or more", value);
}
