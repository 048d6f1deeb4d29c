import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { scratchFolder } from "./scratch.ts";
import { exclusively } from "./services/lock.ts";
import { RUN_DIRECTORY } from "./services/service.ts";

/** The repository. */
export const root: string = fileURLToPath(new URL("../../", import.meta.url));

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, string>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
};
export const exports: Readonly<Record<string, string>> = manifest.exports;
export const peers: readonly string[] = Object.keys(manifest.peerDependencies);
/** `wa-vault`, `wa-vault/fs` … */
export const entries: readonly string[] = Object.keys(exports)
  .filter((path) => path !== "./package.json")
  .map((path) => path.replace(/^\./, "wa-vault"));

/** Runs a program to its end and returns its stdout. @throws an error with its output, when it fails */
export function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 300_000 });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ").slice(0, 200)}: ${error ?? status}\n${stdout}${stderr}`);
}

/**
 * The file that `npm pack` makes: once per run of the tests, and in one place. What is built already is not built again:
 * that would take `dist` away for a while from tests that run beside this one.
 */
export async function pack(): Promise<string> {
  const folder = process.env[RUN_DIRECTORY] ?? scratchFolder("pack-");
  const packed = join(folder, "wa-vault.tgz");
  await exclusively(`pack-${basename(folder)}`, async () => {
    if (existsSync(packed)) return;
    const making = mkdtempSync(join(folder, "pack-"));
    const how = isBuilt() ? ["--ignore-scripts"] : [];
    run("npm", ["pack", ...how, "--pack-destination", making], root);
    const tarball = readdirSync(making).find((name) => name.endsWith(".tgz"));
    if (tarball === undefined) throw new Error("npm pack made nothing");
    renameSync(join(making, tarball), packed);
  });
  return packed;
}

/** Whether `dist` is what a build would make: each file of it is there and no older than its source, and no other is. */
function isBuilt(): boolean {
  if (!existsSync(join(root, "dist"))) return false;
  const { include } = JSON.parse(readFileSync(join(root, "tsconfig.build.json"), "utf8")) as { include: string[] };
  const sources = include.flatMap((folder) => filesBelow(folder));
  const pairs = sources.flatMap((path): [from: string, to: string][] => {
    if (path.endsWith(".ts")) return [[path, path.replace(/\.ts$/, ".js")]];
    return path.includes(join("serve", "page")) ? [[path, path]] : [];
  });
  const made = new Set(pairs.map(([, to]) => to));
  const others = filesBelow("dist").map((path) => relative("dist", path));
  if (others.some((path) => path.endsWith(".js") && !made.has(path))) return false;
  const timeOf = (path: string): number => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return pairs.every(([from, to]) => timeOf(join("dist", to)) >= timeOf(from));
}

/** The files in a folder of the repository, by their paths in it. */
function filesBelow(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(root, join(parentPath, name)));
}

/** A project that the packed package and its dependencies are installed in, and nothing else. */
export interface Project {
  readonly folder: string;
  /** The package's file. */
  readonly tarball: string;
  /** Runs a program in the project; see {@link run}. */
  run(command: string, args: readonly string[]): string;
  /** Makes packages of this repository the project's own. */
  provide(...names: string[]): void;
  /**
   * Loads entries one after the other.
   * @param node which Node to load them with. @default the one on the PATH
   * @returns the names that each has
   */
  load(how: "import" | "require", names: readonly string[], node?: string): Record<string, string[]>;
}

/** The names of packages and of all that they depend on. */
function closureOf(dependencies: Readonly<Record<string, string>>, known = new Set<string>()): Set<string> {
  for (const name of Object.keys(dependencies)) {
    if (known.has(name)) continue;
    known.add(name);
    const text = readFileSync(join(root, "node_modules", name, "package.json"), "utf8");
    closureOf((JSON.parse(text) as { dependencies?: Record<string, string> }).dependencies ?? {}, known);
  }
  return known;
}

/** A folder with an installed package, to be copied: made once per run of the tests. */
async function installed(tarball: string): Promise<string> {
  const place = join(dirname(tarball), "installed");
  await exclusively(`install-${basename(dirname(tarball))}`, async () => {
    if (existsSync(place)) return;
    const folder = mkdtempSync(join(dirname(tarball), "install-"));
    writeFileSync(join(folder, "package.json"), '{ "private": true }');
    // Its dependencies are those of this repository, so no registry is used.
    for (const name of closureOf(manifest.dependencies)) {
      cpSync(join(root, "node_modules", name), join(folder, "node_modules", name), { recursive: true });
    }
    const quiet = ["--no-audit", "--no-fund", "--ignore-scripts"];
    // Optional dependencies would come from npm's cache, or would not.
    run("npm", ["install", "--offline", "--omit=optional", ...quiet, tarball], folder);
    renameSync(folder, place);
  });
  return place;
}

/** Makes a project in an empty folder. */
export async function projectIn(folder: string): Promise<Project> {
  const tarball = await pack();
  // The links in it, such as those to programs, lead to places beside them.
  cpSync(await installed(tarball), folder, { recursive: true, verbatimSymlinks: true });
  return {
    folder,
    tarball,
    run: (command, args) => run(command, args, folder),
    provide(...names) {
      for (const name of names) {
        const path = join(folder, "node_modules", name);
        mkdirSync(dirname(path), { recursive: true });
        rmSync(path, { recursive: true, force: true });
        symlinkSync(join(root, "node_modules", name), path);
      }
    },
    load(how, names, node = "node") {
      const calls = names.map(
        (name) => `seen[${JSON.stringify(name)}] = Object.keys(await ${how}(${JSON.stringify(name)}));`,
      );
      const script = `(async () => { const seen = {}; ${calls.join(" ")} console.log(JSON.stringify(seen)); })()`;
      return JSON.parse(run(node, ["--input-type=commonjs", "-e", script], folder));
    },
  };
}
