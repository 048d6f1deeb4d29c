import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative } from "node:path";
import { exports, root, run } from "./packed-package.ts";
import { scratchFolder } from "./scratch.ts";
import { RUN_DIRECTORY } from "./services/service.ts";

/** By what is compiled, the folder with it. */
const made = new Map<string, string>();

/**
 * A TypeScript file of this repository and all that it imports, compiled to JavaScript in a folder of its own: for
 * processes that a test starts a hundred times. Node runs the result at once, where a loader takes half a second. It is
 * compiled once in a run of the tests.
 * @param file its absolute path
 * @param more absolute paths of TypeScript files and folders that it uses without an import, and of other files, which
 *   are linked
 * @returns the path of the JavaScript file
 */
export function compiled(file: string, more: readonly string[] = []): string {
  const name = createHash("sha256")
    .update(JSON.stringify([file, ...more]))
    .digest("hex")
    .slice(0, 16);
  const folder = made.get(name) ?? folderOf(name, file, more);
  made.set(name, folder);
  return placeIn(folder, file);
}

/** The folder of the run with what is compiled, made by the first worker that needs it. */
function folderOf(name: string, file: string, more: readonly string[]): string {
  const { [RUN_DIRECTORY]: shared } = process.env;
  const place = join(shared ?? "", `compiled-${name}`);
  if (shared !== undefined && existsSync(place)) return place;
  const making = scratchFolder("compiled-");
  compile(making, file, more);
  if (shared === undefined) return making;
  try {
    renameSync(making, place);
  } catch (error) {
    // Another worker has made the same meanwhile.
    if (!existsSync(place)) throw error;
    rmSync(making, { recursive: true, force: true });
  }
  return place;
}

/** Where a file of this repository is in such a folder, as JavaScript if it is TypeScript. */
function placeIn(folder: string, path: string): string {
  return join(folder, "out", relative(root, path)).replace(/\.(m?)ts$/, ".$1js");
}

function compile(folder: string, file: string, more: readonly string[]): void {
  mkdirSync(join(folder, "out"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  // The command asks its own package for its version; examples import the package by its name.
  const built = Object.entries(exports).map(([name, path]) => [name, path.replace("./dist/", "./out/")]);
  const own = { name: "wa-vault", version: "0.0.0", type: "module", exports: Object.fromEntries(built) };
  writeFileSync(join(folder, "package.json"), JSON.stringify(own));
  const options = { outDir: join(folder, "out"), rootDir: root, noCheck: true, isolatedDeclarations: false };
  const isOther = (path: string): boolean => !["", ".ts", ".mts"].includes(extname(path));
  const project = {
    extends: join(root, "tsconfig.build.json"),
    compilerOptions: { ...options, declaration: false },
    include: [file, ...more.filter((path) => !isOther(path))],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project));
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder], root);
  for (const path of more.filter(isOther)) {
    const place = placeIn(folder, path);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(path, place);
  }
}
