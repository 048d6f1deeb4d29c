import { fileSources } from "../disk/file-source.ts";
import type { CaptureFile } from "../store.ts";
import { zipFiles } from "./zip.ts";

/**
 * Writes all files of a folder that nobody changes as a zip at `path`, whole.
 * @throws as {@link zipFiles}
 */
export async function zipFolder(
  folder: string,
  path: string,
  options?: { signal?: AbortSignal | undefined },
): Promise<void> {
  const files = (await fileSources(folder)).map((file): CaptureFile => ({ ...file, change: "never" }));
  await zipFiles(files, path, options);
}
