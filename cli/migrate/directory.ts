import { copyFile, readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { codeOf, diskError } from "../../lib/disk/errors.ts";
import { VaultError } from "../../lib/errors.ts";
import { wapiSessions } from "../../lib/wapi/index.ts";
import { zipProfile } from "../../lib/zip-profile.ts";
import { baileysSession } from "./baileys.ts";
import type { OldSession, OldSetup } from "./old-setup.ts";
import { wapiSession } from "./wapi.ts";
import { remoteAuthName, zipSession } from "./zips.ts";

/** The folder of a profile of `LocalAuth`. */
const LOCAL_AUTH = /^session(?:-([-\w]+))?$/;
/** Files that Baileys makes beside `creds.json`, which may be lost. */
const OF_BAILEYS =
  /^(?:creds|(?:pre-key|session|sender-key|app-state-sync-key|app-state-sync-version|lid-mapping)-.*)\.json$/;

/**
 * What a directory has: profiles of `LocalAuth`, zips of `RemoteAuth`, directories of `useMultiFileAuthState` (or it is one
 * itself), files of wapi.
 * @throws `ABSENT` when there is no such directory; `DENIED` or `UNAVAILABLE` as the disk says
 */
export async function oldDirectory(path: string, secret: { key?: string; passphrase?: string }): Promise<OldSetup> {
  const directory = resolve(path);
  const names = await namesIn(directory);
  if (names.some((name) => OF_BAILEYS.test(name))) {
    return { sessions: [multiFile(directory)], left: [] };
  }
  const sessions: OldSession[] = [];
  const left: string[] = [];
  const ofWapi = new Set(await wapiSessions({ dir: directory }));
  for (const name of names.sort()) {
    const found = await sessionIn(directory, name, ofWapi.has(name), secret);
    if (found) sessions.push(found);
    else left.push(name);
  }
  return { sessions, left };
}

async function sessionIn(
  directory: string,
  name: string,
  isOfWapi: boolean,
  secret: { key?: string; passphrase?: string },
): Promise<OldSession | undefined> {
  const path = join(directory, name);
  const zipped = name.endsWith(".zip") ? remoteAuthName(name.slice(0, -".zip".length)) : undefined;
  if (zipped) return zipSession("zips", name, zipped, (to) => copied(path, to));
  if (!(await isDirectory(path))) return undefined;
  const inside = await namesIn(path);
  const local = LOCAL_AUTH.exec(name);
  if (local && inside.includes("Default")) {
    const session = local[1] === undefined ? "RemoteAuth" : `RemoteAuth-${local[1]}`;
    const write = (zip: string, signal: AbortSignal, onWarning: (message: string) => void): Promise<void> =>
      zipProfile(path, zip, { signal, onWarning });
    return zipSession("local-auth", name, session, write);
  }
  if (inside.some((one) => OF_BAILEYS.test(one))) return multiFile(path);
  if (isOfWapi && inside.some((one) => one.endsWith(".enc")))
    return wapiSession({ uuid: name, dir: directory }, secret);
  return undefined;
}

/** `auth_info`, or `sessions/support` of several. */
function multiFile(path: string): OldSession {
  return baileysSession("multi-file", basename(path), { multiFile: path });
}

async function copied(from: string, to: string): Promise<void> {
  await copyFile(from, to).catch((cause: unknown) => {
    throw diskError(`read ${from}`, cause);
  });
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (cause) {
    const code = codeOf(cause);
    if (code !== "ENOENT" && code !== "ENOTDIR") throw diskError(`list ${directory}`, cause);
    throw new VaultError("ABSENT", `There is no directory ${directory}.`, { cause });
  }
}
