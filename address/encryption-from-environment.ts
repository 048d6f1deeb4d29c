import { VaultError } from "../lib/errors.ts";
import type { Encryption } from "../lib/vault/encryption.ts";
import { parseKey, parsePassphrase } from "../lib/vault/key-text.ts";
import { type Environment, fromEnvironment } from "./environment.ts";

/**
 * The key of `WA_VAULT_KEY`, or the passphrase of `WA_VAULT_PASSPHRASE`, or that of the file whose path is in the variable of
 * that name with `_FILE` behind. Several keys are separated by commas or line breaks: the first one encrypts.
 * @returns `undefined` when no variable is set: nothing is encrypted
 * @throws `INVALID` when a variable is set and has no key, or when both are set
 */
export async function encryptionFromEnvironment(env: Environment): Promise<Encryption | undefined> {
  const key = await fromEnvironment(env, "WA_VAULT_KEY");
  const passphrase = await fromEnvironment(env, "WA_VAULT_PASSPHRASE");
  if (key !== undefined && passphrase !== undefined) {
    throw new VaultError("INVALID", "A key (WA_VAULT_KEY) and a passphrase (WA_VAULT_PASSPHRASE) are both set.", {
      hint: "Unset the one that does not encrypt the store.",
    });
  }
  if (passphrase !== undefined) return { passphrase: parsePassphrase("WA_VAULT_PASSPHRASE", passphrase) };
  if (key === undefined) return undefined;
  const keys = key
    .split(/[,\r\n]+/)
    .map((one) => one.trim())
    .filter((one) => one !== "");
  for (const one of keys) parseKey("WA_VAULT_KEY", one);
  const [first, ...others] = keys;
  return others.length === 0 ? { key: first } : { keys };
}
