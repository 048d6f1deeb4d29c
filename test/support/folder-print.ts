import { createHash } from "node:crypto";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** Every file below `folder` with the hash of its bytes, by its path with `/`. */
export async function folderPrint(folder: string): Promise<Record<string, string>> {
  const print: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path).split(sep).join("/");
    if (entry.isSymbolicLink()) print[name] = `-> ${await readlink(path)}`;
    else if (entry.isFile())
      print[name] = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
  }
  return print;
}
