import { encryptionFromEnvironment, OF_FILE } from "../../address/encryption-from-environment.ts";
import { VaultError } from "../../lib/errors.ts";
import type { Encryption } from "../../lib/vault/vault.ts";
import type { Cli } from "../cli.ts";

const VARIABLES =
  "Set WA_VAULT_FILE_PASSPHRASE or WA_VAULT_FILE_KEY, or the one of both with _FILE behind to the path of a file.";

/** How the key of a new file is chosen. */
export interface FileKeyOptions {
  /** A passphrase is asked for. */
  readonly passphrase?: boolean;
  /** The file is not encrypted, and nobody is asked. */
  readonly plain?: boolean;
}

/**
 * The key of a file that is written: of the environment, else a passphrase that the person types twice. No passphrase, or
 * nobody to be asked: the file is not encrypted, with a warning.
 */
export async function keyOfNewFile(cli: Cli, { passphrase, plain }: FileKeyOptions): Promise<Encryption | undefined> {
  if (plain && passphrase) {
    throw new VaultError("INVALID", "`--plain` and `--passphrase` contradict each other.", { hint: "Leave one out." });
  }
  if (plain) return undefined;
  const given = await encryptionFromEnvironment(cli.env, OF_FILE);
  if (given) return given;
  if (passphrase && !cli.canAsk) {
    throw new VaultError("INVALID", "Nobody is there to type a passphrase.", { hint: VARIABLES });
  }
  const typed = cli.canAsk ? await typedTwice(cli, passphrase === true) : "";
  if (typed !== "") return { passphrase: typed };
  cli.warn("The file is not encrypted: whoever has it has the session.");
  if (!cli.canAsk) cli.note(`${VARIABLES} \`--plain\` does without this warning.`);
  return undefined;
}

async function typedTwice(cli: Cli, isWanted: boolean): Promise<string> {
  const other = isWanted ? "" : " (empty: not encrypted)";
  const [first = "", second] = await cli.askHidden([`Passphrase for the file${other}: `, "Once more: "]);
  if (first === "") {
    if (isWanted) throw new VaultError("CANCELLED", "Nothing was written: there is no passphrase.");
    return "";
  }
  if (first !== second) throw new VaultError("INVALID", "Nothing was written: the two passphrases differ.");
  return first;
}

/**
 * Reads a file with the key of the environment, else without one, else with the passphrase that the person types.
 * @throws `WRONG_KEY` when none is right, or nobody is there to be asked
 */
export async function withFileKey<T>(
  cli: Cli,
  path: string,
  read: (encryption: Encryption | undefined) => Promise<T>,
): Promise<{ read: T; encryption: Encryption | undefined }> {
  const given = await encryptionFromEnvironment(cli.env, OF_FILE);
  try {
    return { read: await read(given), encryption: given };
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== "WRONG_KEY") throw error;
    if (given || !cli.canAsk)
      throw new VaultError("WRONG_KEY", error.message, { cause: error, hint: `${error.hint} ${VARIABLES}` });
  }
  const [passphrase] = await cli.askHidden([`Passphrase of ${path}: `]);
  if (!passphrase) throw new VaultError("CANCELLED", "Nothing was changed: there is no passphrase.");
  const encryption = { passphrase };
  return { read: await read(encryption), encryption };
}
