import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative } from "node:path";
import { root, run } from "./packed-package.ts";
import { scratchFolder } from "./scratch.ts";

const made = new Map<string, string>();

/**
 * A TypeScript file of this repository and all that it imports, compiled to JavaScript in a folder of its own: for
 * processes that a test starts a hundred times. Node runs the result at once, where a loader takes half a second.
 * @param file its absolute path
 * @param more absolute paths of TypeScript files and folders that it uses without an import, and of other files, which
 *   are linked
 * @returns the path of the JavaScript file
 */
export function compiled(file: string, more: readonly string[] = []): string {
  const known = made.get(file);
  if (known !== undefined) return known;
  const folder = scratchFolder("compiled-");
  mkdirSync(join(folder, "out"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  // The command asks its own package for its version.
  const exports = { "./package.json": "./package.json" };
  const own = { name: "wa-vault", version: "0.0.0", type: "module", exports };
  writeFileSync(join(folder, "package.json"), JSON.stringify(own));
  const options = { outDir: join(folder, "out"), rootDir: root, noCheck: true, isolatedDeclarations: false };
  const isOther = (path: string): boolean => !["", ".ts"].includes(extname(path));
  const project = {
    extends: join(root, "tsconfig.build.json"),
    compilerOptions: { ...options, declaration: false },
    include: [file, ...more.filter((path) => !isOther(path))],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project));
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder], root);
  const placeOf = (path: string): string => join(folder, "out", relative(root, path));
  for (const path of more.filter(isOther)) {
    mkdirSync(dirname(placeOf(path)), { recursive: true });
    symlinkSync(path, placeOf(path));
  }
  const script = placeOf(file).replace(/\.ts$/, ".js");
  made.set(file, script);
  return script;
}
