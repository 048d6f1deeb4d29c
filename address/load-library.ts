import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { codeOf } from "../lib/disk/errors.ts";
import { VaultError } from "../lib/errors.ts";

/** A library that can do what is needed. */
export interface Library<T> {
  readonly name: string;
  /** The oldest version that fits: the one of `peerDependencies`. */
  readonly least: string;
  load(): Promise<T>;
}

/**
 * Loads the first of several libraries that is installed, and new enough.
 * @param forWhat what needs it, for the message, as "A store in Redis"
 * @throws `INVALID` with the line that installs one, when none is there; the error of a library that does not load
 */
export async function loadLibrary<T>(forWhat: string, libraries: readonly Library<T>[]): Promise<T> {
  const old: string[] = [];
  for (const { name, least, load } of libraries) {
    const version = installedVersion(name);
    if (version !== undefined && isOlder(version, least)) {
      old.push(`\`${name}\` ${version} is installed, and ${least.replace(/(?:\.0)+$/, "")} or newer is needed`);
      continue;
    }
    try {
      return await load();
    } catch (error) {
      if (!isNotInstalled(error, name)) throw error;
    }
  }
  const names = libraries.map(({ name }) => name);
  const [first = ""] = names;
  const needs = `${forWhat} needs ${names.map((name) => `\`${name}\``).join(" or ")}`;
  if (old.length > 0) {
    throw new VaultError("INVALID", `${needs}: ${old.join("; ")}.`, {
      hint: `Update it: \`npm install ${first}@latest\`.`,
    });
  }
  throw new VaultError("INVALID", `${needs}, which is not installed.`, {
    hint: `Install it: \`npm install ${first}\`. With npx: \`npx --package=wa-vault --package=${first} wa-vault …\`.`,
  });
}

/** The version of the library that an import would load; `undefined` when that cannot be said. */
function installedVersion(name: string): string | undefined {
  try {
    let folder = dirname(createRequire(import.meta.url).resolve(name));
    for (;;) {
      const manifest = join(folder, "package.json");
      const { name: own, version } = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")) : {};
      if (own === name) return String(version);
      if (dirname(folder) === folder) return undefined;
      folder = dirname(folder);
    }
  } catch {
    // What is wrong with it is said by its import.
    return undefined;
  }
}

function isOlder(version: string, least: string): boolean {
  const [ours, theirs] = [least, version].map((one) => one.split(/[.+-]/, 3).map(Number)) as [number[], number[]];
  for (const [at, part] of ours.entries()) {
    const other = theirs[at] ?? 0;
    if (other !== part) return other < part;
  }
  return false;
}

/** Whether it is this library that is missing, and not one that it needs itself. */
function isNotInstalled(error: unknown, name: string): boolean {
  const isMissing = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(codeOf(error) ?? "");
  return isMissing && error instanceof Error && error.message.includes(`'${name}'`);
}
