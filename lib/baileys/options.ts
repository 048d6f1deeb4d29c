import { invalidOption } from "../errors.ts";
import { whole } from "../vault/options.ts";
import type { Vault } from "../vault/vault.ts";
import { callListener, warningListener } from "../warnings.ts";
import type { MessageLimits } from "./message-slots.ts";
import { MOST_MESSAGES } from "./record-key.ts";
import { sessionNameOf } from "./session-name.ts";

/** Options of `messageStore`. */
export interface MessageStoreOptions {
  /** How many messages are kept, up to 10,000; the oldest ones go first. @default 512 */
  maxMessages?: number | undefined;
  /**
   * How many bytes their records have together, up to 64 MiB: of each, its protobuf, and some 80 bytes more. Messages of more
   * than 16 KiB are not kept. @default 1 MiB
   */
  maxBytes?: number | undefined;
  /**
   * How old a message gets, in milliseconds. A phone that was off asks when it is on again. An older message is given to
   * nobody, and is deleted with the next one that is stored. @default 86400000 (a day)
   */
  maxAgeMs?: number | undefined;
}

/** Options of `useVaultAuthState`. */
export interface VaultAuthStateOptions {
  /** Any store of this package. It decides about encryption, retries, limits, and how long a lease lasts. */
  store: Vault;
  /**
   * What the bot calls its session: letters, digits, underscores and hyphens, at most 120. In the store, it is
   * `Baileys-<session>`; that name is taken as well. A whole number is its text.
   */
  session: string | number | bigint;
  /** How long to wait for another process that has the session, in milliseconds; 0: not at all. @default 120000 */
  leaseWaitMs?: number | undefined;
  /**
   * How long a `set` waits for a store that is away, in milliseconds; then it rejects with `UNAVAILABLE`, and what was set is
   * stored when the store is back, unless another process has the session by then.
   * @default as long as the session is open: sockets have sent their messages by then, and cannot take them back
   */
  setTimeoutMs?: number | undefined;
  /**
   * How long `close` waits for what is on its way, in milliseconds. What is not stored by then is stored when the session is
   * opened again in this process, unless another process has it before. @default 8000 (Docker kills after 10 s)
   */
  closeTimeoutMs?: number | undefined;
  /**
   * Keeps the messages that bound sockets have sent last, so that `getMessage` has them when their recipients could not decrypt
   * them and ask again, also after a restart. With `false` it has none, and those that were kept are deleted at the opening.
   * @default false
   */
  messageStore?: boolean | MessageStoreOptions | undefined;
  /** Baileys, or a fork of it: `import * as baileys from "…"`. @default what is installed as `baileys`, else `@whiskeysockets/baileys` */
  baileys?: unknown;
  /**
   * Called with what goes wrong in the background and is tried again, above all a store that is away, and with the failure of
   * a `saveCreds` that nobody has waited for.
   * @default told to `onWarning`, once a minute at most
   */
  onError?: ((error: unknown) => void) | undefined;
  /** Called with warnings for a person. @default `process.emitWarning` */
  onWarning?: ((message: string) => void) | undefined;
  /** Ends the opening; then it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Checked options, with their defaults. */
export interface CheckedOptions {
  readonly store: Vault;
  /** The name in the store. */
  readonly session: string;
  readonly leaseWaitMs: number;
  readonly setTimeoutMs: number | undefined;
  readonly closeTimeoutMs: number;
  /** `undefined`: none are kept. */
  readonly messageLimits: MessageLimits | undefined;
  readonly baileys: unknown;
  readonly onError: (error: unknown) => void;
  readonly onWarning: (message: string) => void;
  readonly signal: AbortSignal | undefined;
}

const LEASE_WAIT_MS = 120_000;
const CLOSE_MS = 8_000;
const MIB = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;
/** The longest time of a timer in Node. */
const LONGEST_MS = 2 ** 31 - 1;
/** The least time between two warnings of errors that nobody listens to, in milliseconds. */
const WARNING_MS = 60_000;

/** @throws `INVALID` naming the first option that is wrong */
export function checkOptions(options: VaultAuthStateOptions): CheckedOptions {
  const { store, session, leaseWaitMs, setTimeoutMs, closeTimeoutMs, messageStore, baileys, onError, signal } = Object(
    options,
  ) as VaultAuthStateOptions;
  checkStore(store);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidOption("signal", "an AbortSignal", signal);
  const onWarning = warningListener(options.onWarning);
  return {
    store,
    session: sessionNameOf(session),
    leaseWaitMs: whole("leaseWaitMs", leaseWaitMs, LEASE_WAIT_MS, 0, LONGEST_MS),
    setTimeoutMs: setTimeoutMs === undefined ? undefined : whole("setTimeoutMs", setTimeoutMs, 0, 1, LONGEST_MS),
    closeTimeoutMs: whole("closeTimeoutMs", closeTimeoutMs, CLOSE_MS, 0, LONGEST_MS),
    messageLimits: messageLimits(messageStore),
    baileys,
    onError: errorListener(onError, onWarning),
    onWarning,
    signal,
  };
}

/** @throws `INVALID` naming the first option that is wrong */
function messageLimits(given: VaultAuthStateOptions["messageStore"]): MessageLimits | undefined {
  if (given === undefined || given === false) return undefined;
  const isObject = typeof given === "object" && given !== null;
  if (given !== true && !isObject) throw invalidOption("messageStore", "a boolean, or an object with limits", given);
  const { maxMessages, maxBytes, maxAgeMs }: MessageStoreOptions = isObject ? given : {};
  return {
    maxMessages: whole("messageStore.maxMessages", maxMessages, 512, 1, MOST_MESSAGES),
    maxBytes: whole("messageStore.maxBytes", maxBytes, MIB, 1, 64 * MIB),
    maxAgeMs: whole("messageStore.maxAgeMs", maxAgeMs, DAY_MS, 1),
  };
}

/** @throws `INVALID` unless it is a store of this package: the logs of others cannot keep records */
export function checkStore(store: unknown): asserts store is Vault {
  const methods: (keyof Vault)[] = ["openRecords", "peekRecords", "hasOpen", "sessions", "state"];
  if (!methods.every((name) => typeof Reflect.get(Object(store), name) === "function")) {
    throw invalidOption("store", "a store of wa-vault, e.g. `new RedisStore({ client })`", store);
  }
}

/** The checked `onError` option. @default `onWarning`, once a minute at most @throws `INVALID` when it is no function */
export function errorListener(
  given: ((error: unknown) => void) | undefined,
  onWarning: (message: string) => void,
): (error: unknown) => void {
  if (given === undefined) return warnOfErrors(onWarning);
  if (typeof given !== "function") throw invalidOption("onError", "a function", given);
  return (error) => callListener(() => given(error));
}

/** A listener of errors that nobody else listens to: tells one a minute as a warning. */
export function warnOfErrors(onWarning: (message: string) => void): (error: unknown) => void {
  let warnedAt = Number.NEGATIVE_INFINITY;
  return (error) => {
    const now = performance.now();
    if (now - warnedAt < WARNING_MS) return;
    warnedAt = now;
    onWarning(error instanceof Error ? error.message : String(error));
  };
}
