import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The `package.json` of a package, as far as it is needed. */
export interface PackageFacts {
  readonly name: string;
  readonly version: string;
  readonly engines?: { readonly node?: string };
  readonly peerDependencies?: Readonly<Record<string, string>>;
  /** Path of its folder. */
  readonly folder: string;
}

/** This package. */
export function ownPackage(): PackageFacts {
  const found = packageAbove(dirname(fileURLToPath(import.meta.url)), "wa-vault");
  if (!found) throw new Error("The package.json of wa-vault is not where it was installed.");
  return found;
}

/** A package as code in `folder` would get it, else as this package gets it; `undefined` when it is not installed. */
export function installedPackage(name: string, folder: string): PackageFacts | undefined {
  for (const from of [join(folder, "package.json"), import.meta.url]) {
    const require = createRequire(from);
    // Not by resolving its entry: a package may have none for `require`.
    for (const place of require.resolve.paths(name) ?? []) {
      const found = readFacts(join(place, name));
      if (found) return found;
    }
  }
  return undefined;
}

/** Whether a version is at least another one. What stands behind a hyphen is not looked at. */
export function isAtLeast(version: string, least: string): boolean {
  const [mine, its] = [numbers(version), numbers(least)];
  for (const [index, number] of its.entries()) {
    if ((mine[index] ?? 0) !== number) return (mine[index] ?? 0) > number;
  }
  return true;
}

/** The first version that a range of npm takes: of `>=6.7.0 || ^7.0.0-0` it is 6.7.0. */
export function leastOf(range: string): string {
  return /\d+(?:\.\d+)*/.exec(range)?.[0] ?? "0";
}

function numbers(version: string): number[] {
  return (version.replace(/^[^\d]*/, "").split("-")[0] ?? "").split(".").map(Number);
}

function packageAbove(folder: string, name: string): PackageFacts | undefined {
  const found = readFacts(folder);
  if (found?.name === name) return found;
  const parent = dirname(folder);
  return parent === folder ? undefined : packageAbove(parent, name);
}

function readFacts(folder: string): PackageFacts | undefined {
  const path = join(folder, "package.json");
  if (!existsSync(path)) return undefined;
  try {
    return { ...(JSON.parse(readFileSync(path, "utf8")) as PackageFacts), folder };
  } catch {
    // A file that is being written, or is no JSON: as good as none.
    return undefined;
  }
}
