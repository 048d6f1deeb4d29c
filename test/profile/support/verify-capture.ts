import type { FileSource } from "../../../lib/disk/file-source.ts";
import { parseLevelDbName } from "../../../lib/profile/leveldb/manifest.ts";
import type { StoreLayout } from "../../../lib/profile/storage-layout.ts";
import { type VerifyReport, verifyStores } from "../../../lib/profile/verify.ts";
import type { Capture } from "../../../lib/store.ts";

/** Verifies all bytes of the files of a capture, as `verifyProfile` would once they are restored. */
export async function verifyCapture(capture: Capture): Promise<VerifyReport> {
  const files = new Map<string, FileSource>(capture.files.map((file) => [file.path, file]));
  const stores = layoutOf(capture);
  const problems = await verifyStores(stores, files);
  for (const store of ["indexedDb", "localStorage"] as const) {
    const found = stores.find((layout) => layout.store === store)?.backend;
    if (found !== capture.profile[store])
      problems.push({ path: "", reason: `its ${store} is not in the form it says` });
  }
  return { problems, empty: stores.length === 0, profile: capture.profile };
}

/** The storages whose files a capture holds, by nothing but the paths of the files. */
function layoutOf(capture: Capture): StoreLayout[] {
  const stores = new Map<string, StoreLayout & { databases: string[] }>();
  for (const { path } of capture.files) {
    const store = path.startsWith("Default/IndexedDB/") ? "indexedDb" : "localStorage";
    const at = path.lastIndexOf("/");
    const [directory, name] = [path.slice(0, at), path.slice(at + 1)];
    if (parseLevelDbName(name) && directory.endsWith("leveldb")) {
      stores.set(directory, { store, backend: "leveldb", path: directory, databases: [], blobs: [] });
    } else if (path === "Default/LocalStorage" || /^Default\/IndexedDB\/[^/]+\/(?:[A-Z2-7]{52}|0)$/.test(path)) {
      const layout = stores.get(directory) ?? { store, backend: "sqlite", path: directory, databases: [], blobs: [] };
      layout.databases.push(name);
      stores.set(directory, layout);
    }
  }
  return [...stores.values()];
}
