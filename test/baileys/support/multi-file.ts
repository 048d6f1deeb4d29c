import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { useMultiFileAuthState } from "baileys";
import { fill, type SampleState } from "./sample-state.ts";

/** Makes a directory of `useMultiFileAuthState` that holds a state. @returns its path */
export async function multiFileOf(sample: SampleState, directory: string): Promise<string> {
  await fill(await useMultiFileAuthState(directory), sample);
  return directory;
}

/** The bytes of each file in a directory, by name; of directories nothing. */
export async function filesIn(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  const files = names.sort().map(async (name) => [name, await readFile(join(directory, name), "base64")] as const);
  return Object.fromEntries(await Promise.all(files));
}
