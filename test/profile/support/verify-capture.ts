import type { FileSource } from "../../../lib/disk/file-source.ts";
import { parseLevelDbName } from "../../../lib/profile/leveldb/manifest.ts";
import type { StorageLayout } from "../../../lib/profile/storage-layout.ts";
import { type VerifyReport, verifyStorages } from "../../../lib/profile/verify.ts";
import type { Capture } from "../../../lib/store.ts";

/** Verifies all bytes of the files of a capture, as `verifyProfile` would once they are restored. */
export async function verifyCapture(capture: Capture): Promise<VerifyReport> {
  const files = new Map<string, FileSource>(capture.files.map((file) => [file.path, file]));
  const storages = layoutOf(capture);
  const problems = await verifyStorages(storages, files);
  for (const storage of ["indexedDb", "localStorage"] as const) {
    const found = storages.find((layout) => layout.storage === storage)?.backend;
    if (found !== capture.profile[storage])
      problems.push({ path: "", reason: `its ${storage} is not in the form it says` });
  }
  return { problems, empty: storages.length === 0, profile: capture.profile };
}

/** The storages whose files a capture holds, by nothing but the paths of the files. */
function layoutOf(capture: Capture): StorageLayout[] {
  const storages = new Map<string, StorageLayout & { databases: string[] }>();
  for (const { path } of capture.files) {
    const storage = path.startsWith("Default/IndexedDB/") ? "indexedDb" : "localStorage";
    const at = path.lastIndexOf("/");
    const [directory, name] = [path.slice(0, at), path.slice(at + 1)];
    if (parseLevelDbName(name) && directory.endsWith("leveldb")) {
      storages.set(directory, { storage, backend: "leveldb", path: directory, databases: [], blobs: [] });
    } else if (path === "Default/LocalStorage" || /^Default\/IndexedDB\/[^/]+\/(?:[A-Z2-7]{52}|0)$/.test(path)) {
      const layout = storages.get(directory) ?? {
        storage,
        backend: "sqlite",
        path: directory,
        databases: [],
        blobs: [],
      };
      layout.databases.push(name);
      storages.set(directory, layout);
    }
  }
  return [...storages.values()];
}
