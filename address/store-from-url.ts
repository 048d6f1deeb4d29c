// `address` opens the store that an address names. It loads the adapter and its client library when they are asked for, so
// that the entry of the package loads neither. It imports adapters, the vault, the contract of blobs, async, disk, nearest
// names and the errors; only `lib/index.ts` and `cli` may import it.
import { VaultError } from "../lib/errors.ts";
import { Vault, type VaultOptions } from "../lib/vault/vault.ts";
import { encryptionFromEnvironment } from "./encryption-from-environment.ts";
import { type Environment, fromEnvironment } from "./environment.ts";
import { ownBlobs } from "./own-blobs.ts";
import { type Address, parseAddress, type Scheme, secretsOf } from "./parse-address.ts";
import type { OpenedBlobs, SchemeOptions } from "./scheme.ts";
import { openDirectory } from "./schemes/file.ts";
import { openMongo } from "./schemes/mongodb.ts";
import { openPostgres } from "./schemes/postgres.ts";
import { openRedis } from "./schemes/redis.ts";
import { openS3 } from "./schemes/s3.ts";

/** What {@link storeFromUrl} takes beside the address: the options of every store. */
export interface StoreFromUrlOptions extends VaultOptions, SchemeOptions {
  /** Where the variables are looked up. @default `process.env` */
  env?: Environment | undefined;
}

/** A store that was opened by its address, with a client of its own. */
export type AddressedStore = Vault & {
  /** The address without what is secret in it, for people. */
  readonly address: string;
  /** Ends the calls that are under way with `CANCELLED`, as all later ones, and closes the client. Releases no lease. Twice is fine. */
  close(): Promise<void>;
};

const OPEN: Readonly<Record<Scheme, (address: Address, options: SchemeOptions) => Promise<OpenedBlobs>>> = {
  file: openDirectory,
  s3: openS3,
  mongodb: openMongo,
  redis: openRedis,
  postgres: openPostgres,
};

/**
 * Opens the store at an address:
 *
 * - `file:./sessions`, `file:///var/lib/bot/sessions`: a directory
 * - `s3://bucket/folder?region=…&endpoint=…`: a bucket; credentials are looked up as the AWS SDK does
 * - `mongodb://…/database?collection=…`, `mongodb+srv://…`
 * - `redis://…/0?prefix=…`, `redis+sentinel://host,host/master/0`, `redis+cluster://host,host`; with `rediss` by TLS
 * - `postgres://…/database?table=…`
 *
 * docs/stores.md lists all parameters. Without `url` the address is that of `WA_VAULT_STORE`. Without `options.encryption` the
 * key is that of `WA_VAULT_KEY` (32 bytes in base64 or hexadecimal), or the passphrase that of `WA_VAULT_PASSPHRASE`; where
 * neither is set nothing is encrypted. Each of these variables may have `_FILE` behind its name, and the path of a file that
 * has the value. The client library is loaded by this call; the server is first asked by a call of the store.
 * @throws `INVALID` when the address or an option is wrong, when there is no address, or when the client library is not
 *   installed or too old; `UNAVAILABLE` or `DENIED` when a file that a variable or a parameter names cannot be read
 */
export async function storeFromUrl(url?: string | URL, options: StoreFromUrlOptions = {}): Promise<AddressedStore> {
  const { env = process.env, maxBlobBytes, ...rest } = options;
  const address = parseAddress(url === undefined ? await addressFrom(env) : url);
  const encryption = rest.encryption ?? (await encryptionFromEnvironment(env));
  const opened = await OPEN[address.scheme](address, { maxBlobBytes });
  const blobs = ownBlobs(opened, address.shown, secretsOf(address));
  try {
    const store = new Vault({ ...rest, encryption, blobs });
    return Object.assign(store, { address: address.shown, close: () => blobs.close() });
  } catch (error) {
    await blobs.close();
    throw error;
  }
}

async function addressFrom(env: Environment): Promise<string> {
  const address = await fromEnvironment(env, "WA_VAULT_STORE");
  if (address !== undefined) return address;
  throw new VaultError("INVALID", "No store is named.", {
    hint: "Set WA_VAULT_STORE to an address, such as `file:./sessions` or `s3://bucket/folder`.",
  });
}
