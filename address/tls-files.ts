import { readNamedFile } from "./environment.ts";

/** The text of a file that a parameter names; `undefined` when it names none. @throws the error of the disk, naming both */
export async function fileOf(parameter: string, path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : await readNamedFile(`\`${parameter}\` of the address`, path);
}
