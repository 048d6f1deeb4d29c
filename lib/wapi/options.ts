import { type RedisClient, type Wire, wireOf } from "../../adapters/redis/wire.ts";
import { invalidOption } from "../errors.ts";
import { type EncryptionKey, parseKey, parsePassphrase } from "../vault/key-text.ts";
import { whole } from "../vault/options.ts";
import { warningListener } from "../warnings.ts";
import type { OwnSecret } from "./record-cipher.ts";

/** Options of {@link RedisAuth} that wapi does not have. */
export interface RedisAuthOptions {
  /**
   * A key of your own: 32 bytes, or text in base64 or hexadecimal. Without one, records are encrypted as wapi encrypts them,
   * with a key that is made of the uuid: whoever can list the keys of Redis can read them. With one, wapi cannot read what is
   * stored from then on; what was stored before is still read. Undefined, as a variable that is not set, is refused.
   */
  key?: EncryptionKey | undefined;
  /** As `key`: a text of at least 12 characters, of which scrypt makes the key. */
  passphrase?: string | undefined;
  /**
   * Seconds after its last change at which a session expires, all of it. Takes effect with the next change. Of several on one
   * client, the latest one that `init` has opened decides. @default never
   */
  ttlSeconds?: number | undefined;
  /** How long a call waits for Redis, in milliseconds; then it rejects with `UNAVAILABLE`. @default 30000 */
  timeoutMs?: number | undefined;
  /** Baileys, or a fork of it: `import * as baileys from "…"`. @default what is installed as `baileys`, else `@whiskeysockets/baileys` */
  baileys?: unknown;
  /** Called with warnings for a person. @default `process.emitWarning` */
  onWarning?: ((message: string) => void) | undefined;
}

/** Checked options, with their defaults. */
export interface CheckedOptions {
  readonly wire: Wire;
  readonly prefix: string;
  readonly secret: OwnSecret | undefined;
  readonly ttlSeconds: number | undefined;
  readonly timeoutMs: number;
  readonly baileys: unknown;
  readonly onWarning: (message: string) => void;
}

/** The default of `timeoutMs`. */
export const TIMEOUT_MS = 30_000;
/** The longest time of a timer in Node. */
export const LONGEST_MS: number = 2 ** 31 - 1;

/** @throws `INVALID` naming the first option that is wrong */
export function checkOptions(client: RedisClient, prefix: string, options: RedisAuthOptions): CheckedOptions {
  if (typeof prefix !== "string") throw invalidOption("prefix", "text", prefix);
  if (typeof options !== "object" || options === null) throw invalidOption("options", "an object", options);
  const { ttlSeconds, timeoutMs, baileys, onWarning } = options;
  return {
    wire: wireOf(client),
    prefix,
    secret: checkSecret(options),
    ttlSeconds: ttlSeconds === undefined ? undefined : whole("ttlSeconds", ttlSeconds, 0, 1),
    timeoutMs: whole("timeoutMs", timeoutMs, TIMEOUT_MS, 1, LONGEST_MS),
    baileys,
    onWarning: warningListener(onWarning),
  };
}

/** The key or the passphrase of these options. @throws `INVALID` naming the mistake, without the key */
export function checkSecret(options: Pick<RedisAuthOptions, "key" | "passphrase">): OwnSecret | undefined {
  // Named and undefined is a variable that is not set: nothing must be stored under the uuid's key then.
  const [hasKey, hasPassphrase] = ["key" in options, "passphrase" in options];
  if (hasKey && hasPassphrase) throw invalidOption("key", "given, or `passphrase`, and not both", options.passphrase);
  if (hasKey) return { key: parseKey("key", options.key) };
  return hasPassphrase ? { passphrase: parsePassphrase("passphrase", options.passphrase) } : undefined;
}
