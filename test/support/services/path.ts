import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The path of an executable on the PATH, or in one of the `further` directories. */
export function findInstalled(program: string, further: readonly string[] = []): string | undefined {
  const places = [...(process.env.PATH ?? "").split(delimiter), ...further].filter(Boolean);
  return places.map((place) => join(place, program)).find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
