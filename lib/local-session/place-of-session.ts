import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { exists } from "../disk/durable.ts";
import { codeOf, diskError, isMissing } from "../disk/errors.ts";
import { VaultError } from "../errors.ts";

/** The form in which a session may be pulled. */
export type PullForm = "profile" | "local-auth" | "zip" | "multi-file";

/** Where a pull writes. */
export interface PulledPlace {
  readonly form: PullForm;
  /** Absolute. */
  readonly path: string;
}

/** The form and the place of a pull, before anything is read or written. @throws `INVALID` */
export function placeOf(
  session: string,
  kind: "profile" | "records",
  { to, form: wanted }: { readonly to: string; readonly form?: PullForm | undefined },
): PulledPlace {
  const path = resolve(to);
  const form = wanted ?? (kind === "records" ? "multi-file" : formOf(path));
  if ((form === "multi-file") !== (kind === "records")) {
    const [what, takes] =
      kind === "records" ? ["a session of Baileys", "multi-file"] : ["the profile of a browser", "profile"];
    throw new VaultError("INVALID", `Could not pull ${session} as ${form}: it is ${what}.`, {
      hint: `Pull it as \`${takes}\`.`,
    });
  }
  return { form, path: form === "local-auth" ? join(path, localAuthFolder(session)) : path };
}

/** The folder in which a `LocalAuth` looks for a session: its client id is the session's name, as the bot's code has it. */
function localAuthFolder(session: string): string {
  if (session === "RemoteAuth") return "session";
  return `session-${session.replace(/^RemoteAuth-(?=.)/, "")}`;
}

function formOf(path: string): PullForm {
  if (/\.zip$/i.test(path)) return "zip";
  return basename(path) === ".wwebjs_auth" ? "local-auth" : "profile";
}

/** @throws `CONFLICT` when something is there that must not be replaced; `INVALID` when it cannot be */
export async function checkFree(
  { path, overwrite = false }: { readonly path: string; readonly overwrite?: boolean | undefined },
  form: "file" | "folder",
): Promise<void> {
  if ((await isFree(path, form)) || overwrite) return;
  throw new VaultError("CONFLICT", `Could not write ${path}: ${form === "file" ? "it is there" : "it is not empty"}.`, {
    hint: "Choose another place, or say that it is to be replaced (`overwrite`).",
  });
}

/**
 * Whether nothing would be replaced at the place of a pull: nothing is there, or an empty folder where a folder is written.
 * @throws `INVALID` when what is there cannot be replaced; `DENIED` or `UNAVAILABLE` when the disk fails
 */
export async function isPlaceFree({ form, path }: PulledPlace): Promise<boolean> {
  return await isFree(path, form === "zip" ? "file" : "folder");
}

async function isFree(path: string, form: "file" | "folder"): Promise<boolean> {
  try {
    if (!(await exists(path))) return true;
    const entries = await readdir(path).catch((cause: unknown) => {
      if (codeOf(cause) === "ENOTDIR") return undefined;
      throw cause;
    });
    if ((entries === undefined) !== (form === "file")) {
      const there = form === "file" ? "folder" : "file";
      throw new VaultError("INVALID", `Could not write ${path}: there is a ${there} of this name.`);
    }
    // A copy of a pipe or of a device, to keep it, would never end; and what it is for would be gone.
    if (form === "file" && !(await isFileOrNothing(path))) {
      throw new VaultError("INVALID", `Could not write ${path}: it is no regular file.`);
    }
    return entries?.length === 0;
  } catch (cause) {
    throw diskError(`look at ${path}`, cause);
  }
}

async function isFileOrNothing(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (cause) {
    // A link that leads nowhere is replaced.
    if (isMissing(cause)) return true;
    throw cause;
  }
}
