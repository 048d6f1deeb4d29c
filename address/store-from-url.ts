// `address` opens the store that an address names. It loads the adapter and its client library when they are asked for, so
// that the entry of the package loads neither. It imports adapters, the vault, disk and the errors; only `lib/index.ts` and
// `cli` may import it.
import { VaultError } from "../lib/errors.ts";
import type { Vault } from "../lib/vault/vault.ts";
import { encryptionFromEnvironment } from "./encryption-from-environment.ts";
import { type Environment, fromEnvironment } from "./environment.ts";
import { type Address, parseAddress, type Scheme } from "./parse-address.ts";
import type { OpenedStore, SchemeOptions } from "./scheme.ts";
import { openDirectory } from "./schemes/file.ts";
import { openMongo } from "./schemes/mongodb.ts";
import { openPostgres } from "./schemes/postgres.ts";
import { openRedis } from "./schemes/redis.ts";
import { openS3 } from "./schemes/s3.ts";

/** What {@link storeFromUrl} takes beside the address: the options of every store. */
export interface StoreFromUrlOptions extends SchemeOptions {
  /** Where the variables are looked up. @default `process.env` */
  env?: Environment | undefined;
}

/** A store that was opened by its address, with a client of its own. */
export type AddressedStore = Vault & {
  /** The address without what is secret in it, for people. */
  readonly address: string;
  /** Closes the client. Later calls fail; leases are not released by it. Twice is fine. */
  close(): Promise<void>;
};

const OPEN: Readonly<Record<Scheme, (address: Address, options: SchemeOptions) => Promise<OpenedStore>>> = {
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
 * - `redis://…?prefix=…`, `rediss://…`
 * - `postgres://…/database?table=…`
 *
 * Without `url` the address is that of `WA_VAULT_STORE`. Without `options.encryption` the key is that of `WA_VAULT_KEY` (32
 * bytes in base64 or hexadecimal), or the passphrase that of `WA_VAULT_PASSPHRASE`; where neither is set nothing is encrypted.
 * Each of these variables may have `_FILE` behind its name, and the path of a file that has the value. The client library is
 * loaded by this call; the server is first asked by a call of the store.
 * @throws `INVALID` when the address or an option is wrong, when there is no address, or when the client library is not
 *   installed; `UNAVAILABLE` or `DENIED` when a file that a variable names cannot be read
 */
export async function storeFromUrl(url?: string | URL, options: StoreFromUrlOptions = {}): Promise<AddressedStore> {
  const { env = process.env, ...rest } = options;
  const address = parseAddress(url === undefined ? await addressFrom(env) : String(url));
  const encryption = rest.encryption ?? (await encryptionFromEnvironment(env));
  const { store, close } = await OPEN[address.scheme](address, { ...rest, encryption });
  let closed: Promise<void> | undefined;
  return Object.assign(store, {
    address: address.shown,
    close: (): Promise<void> => {
      closed ??= close();
      return closed;
    },
  });
}

async function addressFrom(env: Environment): Promise<string> {
  const address = await fromEnvironment(env, "WA_VAULT_STORE");
  if (address !== undefined) return address;
  throw new VaultError("INVALID", "No store is named.", {
    hint: "Set WA_VAULT_STORE to an address, such as `file:./sessions` or `s3://bucket/folder`.",
  });
}
