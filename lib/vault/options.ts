import type { BlobStore } from "../blobs.ts";
import { invalidOption } from "../errors.ts";
import { warningListener } from "../warnings.ts";
import { checkEncryption, type Encryption } from "./encryption.ts";
import type { Keyring } from "./keyring.ts";

/** Options of every vault beside its blobs. */
export interface VaultOptions {
  /**
   * How many of the newest generations are kept, beside those that retention keeps anyway: from 1 to 1000. `Infinity` is for
   * tools beside the bots: nothing is removed that a bot has not decided to remove, unless there are more than 1000: then the
   * oldest go. @default 5
   */
  keep?: number | undefined;
  /**
   * For how long older generations are kept beside those: of the last day one of each hour, before that one of each day.
   * Milliseconds, at most 366 days. @default 0, none
   */
  keepForMs?: number | undefined;
  /**
   * Generations older than this are removed, by the next save that finds a change or by `prune`, although `keep` would
   * keep them. The current one, the newest proven one, one that is an hour old and one that is a day old stay all the same.
   * Milliseconds, at least a day, and at least `keepForMs`. @default no limit
   */
  maxAgeMs?: number | undefined;
  /** How long a deleted session can be brought back, in milliseconds. @default 7 days */
  retainDeletedMs?: number | undefined;
  /**
   * How many requests for chunks may be under way at once; it bounds the memory. Stores of one process share these
   * requests: each has one of its own, and all have the others in common. @default 8
   */
  concurrency?: number | undefined;
  /** How long one request may take before it counts as failed, in milliseconds; for large values longer. @default 30000 */
  attemptTimeoutMs?: number | undefined;
  /** How often a request that failed is made again. @default 3 */
  retries?: number | undefined;
  /** The first pause before a request is made again, in milliseconds; later ones are longer. @default 200 */
  retryDelayMs?: number | undefined;
  /**
   * How long a lease lasts that is not renewed, in milliseconds. It is renewed three times as often: the session of a host
   * that was lost can be taken after this time. @default 60000
   */
  leaseTtlMs?: number | undefined;
  /** The `dataPath` of whatsapp-web.js's `RemoteAuth`: its zip may be there. @default "./.wwebjs_auth/" */
  dataPath?: string | undefined;
  /**
   * The key with which the store encrypts what it writes: 32 bytes, or a passphrase, or several of which the first one
   * encrypts. Whoever loses the key loses the sessions. @default none: nothing is encrypted
   */
  encryption?: Encryption | undefined;
  /** Called with warnings for a person: facts that no error reports. @default `process.emitWarning` */
  onWarning?: ((message: string) => void) | undefined;
}

/** Options with their defaults. */
export type CheckedOptions = {
  readonly [Name in keyof Omit<VaultOptions, "encryption">]-?: NonNullable<VaultOptions[Name]>;
} & {
  readonly blobs: BlobStore;
  readonly keyring: Keyring;
};

const DAY_MS = 24 * 60 * 60 * 1000;
/** The shortest lease: on a slow line its renewals still come in time. */
const LEAST_LEASE_MS = 1_000;
/** The longest time of a timer in Node. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The options with their defaults. @throws `INVALID` naming the first option that is wrong. */
export function checkOptions(options: VaultOptions & { blobs: BlobStore }): CheckedOptions {
  const { blobs, dataPath = "./.wwebjs_auth/" } = options;
  if (
    !["traits", "get", "put", "list", "delete"].every((name) => typeof Reflect.get(Object(blobs), name) === "function")
  ) {
    throw invalidOption("blobs", "a BlobStore", blobs);
  }
  if (typeof dataPath !== "string" || dataPath === "") throw invalidOption("dataPath", "a path", dataPath);
  const keepForMs = whole("keepForMs", options.keepForMs, 0, 0, 366 * DAY_MS);
  const maxAgeMs = whole("maxAgeMs", options.maxAgeMs, Number.MAX_SAFE_INTEGER, DAY_MS);
  if (keepForMs > maxAgeMs) throw invalidOption("keepForMs", "at most `maxAgeMs`", keepForMs);
  return {
    blobs,
    keep: options.keep === Number.POSITIVE_INFINITY ? options.keep : whole("keep", options.keep, 5, 1, 1000),
    keepForMs,
    maxAgeMs,
    retainDeletedMs: whole("retainDeletedMs", options.retainDeletedMs, 7 * DAY_MS, 0),
    concurrency: whole("concurrency", options.concurrency, 8, 1, 256),
    attemptTimeoutMs: whole("attemptTimeoutMs", options.attemptTimeoutMs, 30_000, 1, LONGEST_TIMER_MS / 2),
    retries: whole("retries", options.retries, 3, 0, 100),
    retryDelayMs: whole("retryDelayMs", options.retryDelayMs, 200, 0, 60_000),
    leaseTtlMs: whole("leaseTtlMs", options.leaseTtlMs, 60_000, LEAST_LEASE_MS, DAY_MS),
    dataPath,
    keyring: checkEncryption(options.encryption),
    onWarning: warningListener(options.onWarning),
  };
}

/** `value` or its default. @throws `INVALID` unless it is undefined or a whole number in the range. */
export function whole(
  name: string,
  value: number | undefined,
  byDefault: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return byDefault;
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${Math.floor(most)}`;
    throw invalidOption(name, `a whole number ${range}`, value);
  }
  return value;
}
