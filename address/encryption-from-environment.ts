import { isVaultError, VaultError } from "../lib/errors.ts";
import type { Encryption } from "../lib/vault/encryption.ts";
import { parseKey, parsePassphrase } from "../lib/vault/key-text.ts";
import { type Environment, fromEnvironment } from "./environment.ts";

/** The variables that a key is looked up in. */
export interface KeyVariables {
  readonly key: string;
  readonly passphrase: string;
  /** What they encrypt, for messages. */
  readonly of: string;
}

const OF_STORE: KeyVariables = { key: "WA_VAULT_KEY", passphrase: "WA_VAULT_PASSPHRASE", of: "the store" };
/** Those of a session in a file. */
export const OF_FILE: KeyVariables = {
  key: "WA_VAULT_FILE_KEY",
  passphrase: "WA_VAULT_FILE_PASSPHRASE",
  of: "the file",
};

/** Those of the store that sessions are copied to. */
export const OF_TARGET: KeyVariables = {
  key: "WA_VAULT_TO_KEY",
  passphrase: "WA_VAULT_TO_PASSPHRASE",
  of: "the target",
};

/** Those of sessions that are moved here from another package. */
export const OF_SOURCE: KeyVariables = {
  key: "WA_VAULT_FROM_KEY",
  passphrase: "WA_VAULT_FROM_PASSPHRASE",
  of: "the old sessions",
};

/**
 * The key of `WA_VAULT_KEY`, or the passphrase of `WA_VAULT_PASSPHRASE`, or that of the file whose path is in the variable of
 * that name with `_FILE` behind. Several keys are separated by commas or line breaks: the first one encrypts.
 * @param names of other variables, for another key
 * @returns `undefined` when no variable is set: nothing is encrypted
 * @throws `INVALID` when a variable is set and has no key, or when both are set; the error of a file that cannot be read
 */
export async function encryptionFromEnvironment(
  env: Environment,
  names: KeyVariables = OF_STORE,
): Promise<Encryption | undefined> {
  const key = await fromEnvironment(env, names.key);
  const passphrase = await fromEnvironment(env, names.passphrase);
  if (key !== undefined && passphrase !== undefined) {
    throw new VaultError("INVALID", `A key (${names.key}) and a passphrase (${names.passphrase}) are both set.`, {
      hint: `Unset the one that does not encrypt ${names.of}.`,
    });
  }
  const words = { env, passphraseName: names.passphrase };
  if (passphrase !== undefined) {
    return { passphrase: inWordsOf(words, names.passphrase, (name) => parsePassphrase(name, passphrase)) };
  }
  if (key === undefined) return undefined;
  const keys = key
    .split(/[,\r\n]+/)
    .map((one) => one.trim())
    .filter((one) => one !== "");
  for (const one of keys) inWordsOf(words, names.key, (name) => parseKey(name, one));
  const [first, ...others] = keys;
  if (first === undefined) {
    throw new VaultError("INVALID", `${variableOf(env, names.key)} names no key.`, {
      hint: "Make a key with `openssl rand -base64 32`; several are separated by commas.",
    });
  }
  return others.length === 0 ? { key: first } : { keys };
}

/** The checks speak of options: here the same is wrong with a variable. */
function inWordsOf<T>(
  { env, passphraseName }: { env: Environment; passphraseName: string },
  name: string,
  check: (variable: string) => T,
): T {
  const variable = variableOf(env, name);
  try {
    return check(variable);
  } catch (error) {
    if (!isVaultError(error)) throw error;
    const hint = error.hint
      ?.replace(/Give its content: .*/, `Set ${name}_FILE to it.`)
      .replace("goes into `passphrase`", `goes into ${passphraseName}`)
      .replace(/A file often ends with a line break: .*/, "Remove it.");
    throw new VaultError(error.code, error.message, { hint });
  }
}

function variableOf(env: Environment, name: string): string {
  return env[`${name}_FILE`] === undefined ? name : `${name}_FILE`;
}
