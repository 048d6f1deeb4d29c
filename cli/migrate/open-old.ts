import { resolve } from "node:path";
import { encryptionFromEnvironment, OF_SOURCE } from "../../address/encryption-from-environment.ts";
import { fromEnvironment } from "../../address/environment.ts";
import { parseAddress } from "../../address/parse-address.ts";
import { VaultError } from "../../lib/errors.ts";
import type { Cli } from "../cli.ts";
import { quoted } from "../terminal/quoted.ts";
import { oldDirectory } from "./directory.ts";
import type { OldForm, OldSetup } from "./old-setup.ts";
import { oldBucket, oldMongo, oldRedis } from "./servers.ts";

/** An old setup, and where it is. */
interface OpenedOld {
  readonly setup: OldSetup;
  /** Its directory or its address, without secrets. */
  readonly place: string;
  /** Of a directory, its absolute path. */
  readonly path?: string;
}

/**
 * Opens an old setup: a path, `file:`, `mongodb://`, `s3://` or `redis://`.
 * @throws `INVALID` when it is none; `ABSENT` when there is no such directory; else as the place says
 */
export async function openOld(cli: Cli, old: string, form: OldForm | undefined): Promise<OpenedOld> {
  const secret = await secretOf(cli);
  const isPath = !/^[a-z][a-z0-9+.-]+:/i.test(old);
  const address = isPath ? undefined : parseAddress(old);
  if (!address || address.scheme === "file") {
    const path = address?.path ?? old;
    return { setup: await oldDirectory(path, secret), place: address?.shown ?? path, path: resolve(path) };
  }
  const options = { secret, closeAtEnd: (client: { close(): Promise<unknown> }) => cli.closeAtEnd(client) };
  const open = { mongodb: oldMongo, s3: oldBucket, redis: oldRedis, postgres: undefined }[address.scheme];
  if (!open) {
    throw new VaultError("INVALID", `Nothing that is known keeps its sessions at ${address.shown}.`, {
      hint: "Sessions of another store of this package are copied by `wa-vault copy --all`.",
    });
  }
  if (form === "wapi" && address.scheme === "mongodb" && !address.parameters.has("collection")) {
    throw new VaultError("INVALID", "The collection is missing that wapi keeps its documents in.", {
      hint: `Write it into the address: wa-vault migrate ${quoted("mongodb://host/database?collection=auth")}`,
    });
  }
  return { setup: await open(address, options), place: address.shown };
}

/** A key of wapi's sessions that is none of wapi's own: WA_VAULT_FROM_KEY, or WA_VAULT_FROM_PASSPHRASE. */
async function secretOf({ env }: Cli): Promise<{ key?: string; passphrase?: string }> {
  // Says what is wrong with them.
  await encryptionFromEnvironment(env, OF_SOURCE);
  const key = await fromEnvironment(env, OF_SOURCE.key);
  const passphrase = await fromEnvironment(env, OF_SOURCE.passphrase);
  return { ...(key === undefined ? {} : { key }), ...(passphrase === undefined ? {} : { passphrase }) };
}
