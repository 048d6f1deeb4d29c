import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const NAMES = ["Last Version", "Default/one", "Default/Local Storage/two"];

/** Writes a profile of three files whose content is `content`. */
export async function writeProfile(dir: string, content: string): Promise<void> {
  await mkdir(join(dir, "Default", "Local Storage"), { recursive: true });
  for (const name of NAMES) await writeFile(join(dir, name), content);
}

/** The content of all files of a profile: `missing` without files, `torn` when they differ. */
export async function readProfile(dir: string): Promise<string> {
  const contents = await Promise.all(NAMES.map((name) => readFile(join(dir, name), "utf8").catch(() => "missing")));
  return new Set(contents).size === 1 ? (contents[0] as string) : "torn";
}
