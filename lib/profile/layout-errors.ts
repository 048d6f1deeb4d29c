import type { Dirent } from "node:fs";
import { VaultError } from "../errors.ts";
import type { StorageBackend } from "../store.ts";

/** Something else has the name of a directory or file of the storage. */
export function notAsMade(found: Pick<Dirent, "isSymbolicLink" | "isDirectory" | "isFile">, path: string): VaultError {
  if (found.isSymbolicLink()) {
    return new VaultError("CORRUPT", `Could not read ${path}: it is a symbolic link.`, {
      hint: "Put the folder itself in the place of the link, or keep the whole profile elsewhere: by `dataPath`, or by a link in the place of the profile.",
    });
  }
  if (found.isDirectory() || found.isFile()) return unknownForm(path);
  return new VaultError("CORRUPT", `Could not read ${path}: it is neither a file nor a folder.`, {
    hint: "Something that Chromium did not make is in the place of the storage: move it away.",
  });
}

export function unknownForm(path: string): VaultError {
  return new VaultError("CORRUPT", `The profile holds ${path}, a form of storage that is not known.`, {
    hint: `If ${path} is a copy that somebody has made, move it out of the profile. Else this browser is newer than this library knows: update the library, or keep the browser you had.`,
  });
}

export function onlyCopy(what: string, path: string): VaultError {
  return new VaultError("CORRUPT", `The profile holds no ${what}, and ${path}, which may be a copy of it.`, {
    hint: "Give the copy its name back if it is the session. Move it out of the profile to go on without it.",
  });
}

export function inTwoForms(what: string, found: readonly { readonly backend: StorageBackend }[]): VaultError {
  const forms = found.map(({ backend }) => backend).join(" and ");
  return new VaultError("CORRUPT", `The profile holds ${what} in two forms (${forms}).`, {
    hint: "Chromium opens one of them and deletes the other.",
  });
}
