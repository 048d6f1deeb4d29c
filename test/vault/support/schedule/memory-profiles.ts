// Takes the place of `lib/vault/write-profile.ts` in schedules: a restore reads all that it would write, and no disk
// decides when it goes on.
import { forEachConcurrent } from "../../../../lib/async/semaphore.ts";
import type * as WriteProfile from "../../../../lib/vault/write-profile.ts";
import type { Files } from "../../../contract/profile.ts";

const profiles = new Map<string, Record<string, Buffer>>();

/** Takes out the profile that was restored into `directory`. */
export function takeProfile(directory: string): Files {
  const files = profiles.get(directory) ?? {};
  profiles.delete(directory);
  return files;
}

export const claimDirectory: typeof WriteProfile.claimDirectory = async (directory) => {
  profiles.set(directory, {});
};

export const emptyDirectory: typeof WriteProfile.emptyDirectory = claimDirectory;

export const writeProfile: typeof WriteProfile.writeProfile = async (manifest, directory, reader, limits) => {
  const chunks = new Map<unknown, Buffer>();
  const needed = new Set(manifest.files.flatMap(({ pieces }) => pieces.map(({ chunk }) => chunk)));
  const read = async (chunk: Parameters<typeof reader.read>[0], stop: AbortSignal): Promise<void> => {
    chunks.set(chunk, await reader.read(chunk, stop));
  };
  await forEachConcurrent(needed, limits.permits, read, limits.signal);
  const files = profiles.get(directory) ?? {};
  for (const { path, pieces } of manifest.files) {
    const parts = pieces.map(({ chunk, offset, bytes }) => chunks.get(chunk)?.subarray(offset, offset + bytes));
    files[path] = Buffer.concat(parts.map((part) => part ?? Buffer.alloc(0)));
  }
};
