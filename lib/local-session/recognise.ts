// `lib/local-session` moves a session between a store and what bots keep on a disk: a profile, the zip of one, a directory of
// `useMultiFileAuthState`. `push-session.ts` and `pull-session.ts` are its public parts. It imports `session-file`,
// `copy-session`, the vault, `lib/browser` (who has a profile open), `lib/profile`, `lib/archive`, `lib/baileys`, disk and the
// errors; only `lib/index.ts` imports it.
import { type FileHandle, lstat, open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { readDirectory } from "../archive/zip-directory.ts";
import { CREDS_FILE, parseFileName } from "../baileys/multi-file/file-names.ts";
import { diskError, isMissing } from "../disk/errors.ts";
import { VaultError } from "../errors.ts";
import { isSessionName } from "../vault/layout.ts";

/** The form that a session on a disk may have. */
export type LocalForm =
  /** A file of `exportSession`. */
  | "session-file"
  /** The zip of a profile, as whatsapp-web.js's `RemoteAuth` and the stores for it keep it. */
  | "zip"
  /** A browser profile, such as the one of a `LocalAuth`. */
  | "profile"
  /** A directory of `useMultiFileAuthState` of Baileys. */
  | "multi-file";

/** A session on a disk. */
export interface LocalSession {
  /** Its form. */
  readonly form: LocalForm;
  /** Absolute path: of the profile itself, where the folder above it was given. */
  readonly path: string;
  /** The name that the session would have in a store, as far as the name on the disk tells. */
  readonly session?: string;
}

/**
 * Finds out what is at a path: a session file, the zip of a profile, a profile, the data path of a `LocalAuth` that has one
 * profile, or a directory of `useMultiFileAuthState`. A file of another kind is taken for a session file: opening it says what
 * it is.
 * @throws `ABSENT` when nothing is there; `INVALID` when it is none of these, or several; `DENIED` or `UNAVAILABLE` when the
 *   disk fails
 */
export async function recogniseSession(path: string): Promise<LocalSession> {
  const place = resolve(path);
  try {
    const found = await stat(place);
    return found.isDirectory() ? await inDirectory(place) : await ofFile(place, found.isFile());
  } catch (cause) {
    if (isMissing(cause)) throw new VaultError("ABSENT", `There is nothing at ${place}.`, { cause });
    throw diskError(`look at ${place}`, cause);
  }
}

async function ofFile(path: string, isRegular: boolean): Promise<LocalSession> {
  if (basename(path) === CREDS_FILE) return await inDirectory(dirname(path));
  if (!isRegular) return { form: "session-file", path };
  const file = await open(path, "r");
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const isZip = bytesRead === 4 && ["PK\x03\x04", "PK\x05\x06"].includes(buffer.toString("latin1"));
    if (!isZip) return { form: "session-file", path };
    await refuseOtherZip(path, file);
    return named("zip", path, basename(path).replace(/\.zip$/i, ""));
  } finally {
    await file.close();
  }
}

/** @throws `INVALID` for a zip around what is a session without it */
async function refuseOtherZip(path: string, file: FileHandle): Promise<void> {
  // What is wrong with a zip is said when it is unpacked.
  const { entries = [], leftOut = [] } = (await readDirectory(file, path).catch(() => undefined)) ?? {};
  const names = [...entries.map((entry) => entry.path), ...leftOut];
  const inside = names.find((name) => name.endsWith(".wavault") || basename(name) === CREDS_FILE);
  if (inside === undefined) return;
  const what = inside.endsWith(".wavault") ? "a session file" : "the files of a Baileys bot";
  throw new VaultError("INVALID", `${path} is a zip with ${what} in it (${inside}).`, {
    hint: "Unpack it, and name what was in it.",
  });
}

async function inDirectory(path: string): Promise<LocalSession> {
  const entries = await readdir(path);
  if (entries.includes(CREDS_FILE) || entries.some((name) => parseFileName(name) !== undefined)) {
    return named("multi-file", path, basename(path));
  }
  if (await isProfile(path)) return named("profile", path, basename(path));
  // Somebody has named the `Default` of a profile, or the folder of a bot with one profile.
  if (basename(path) === "Default" && (await isProfile(dirname(path)))) return await inDirectory(dirname(path));
  const profiles: string[] = [];
  for (const name of entries.sort()) if (await isProfile(join(path, name))) profiles.push(name);
  const [only, ...others] = profiles;
  if (only !== undefined && others.length === 0) return named("profile", join(path, only), only);
  if (only !== undefined) {
    throw new VaultError(
      "INVALID",
      `${path} has ${profiles.length} profiles: ${profiles.slice(0, 5).join(", ")}${profiles.length > 5 ? " …" : ""}.`,
      {
        hint: "Name one of them.",
      },
    );
  }
  const zips = entries.filter((name) => /\.(?:zip|wavault)$/i.test(name));
  throw new VaultError("INVALID", `${path} is no session: it has neither a profile nor the files of Baileys.`, {
    hint:
      zips.length > 0
        ? `It has ${zips.slice(0, 3).join(", ")}: name the file.`
        : "A profile has a folder `Default`, a directory of `useMultiFileAuthState` a file `creds.json`.",
  });
}

async function isProfile(path: string): Promise<boolean> {
  const found = await lstat(join(path, "Default")).catch((cause: unknown) => {
    if (isMissing(cause)) return undefined;
    throw cause;
  });
  return found?.isDirectory() === true;
}

/** The names of whatsapp-web.js: `session` and `session-<id>` of a `LocalAuth`, `RemoteAuth` and `RemoteAuth-<id>`. */
function named(form: LocalForm, path: string, name: string): LocalSession {
  if (form === "multi-file")
    return /^Baileys-./.test(name) && isSessionName(name) ? { form, path, session: name } : { form, path };
  const [, id] = /^(?:session|RemoteAuth)(?:-([-\w]+))?$/.exec(name) ?? [];
  const isNamed = /^(?:session|RemoteAuth)(?:-|$)/.test(name);
  const session = id === undefined ? "RemoteAuth" : `RemoteAuth-${id}`;
  return isNamed && isSessionName(session) ? { form, path, session } : { form, path };
}
