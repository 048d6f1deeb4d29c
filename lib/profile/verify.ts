import { readdir, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { codeOf, diskError } from "../disk/errors.ts";
import { isVaultError } from "../errors.ts";
import type { Capture, ProfileFacts } from "../store.ts";
import { filesOf } from "./files.ts";
import { checkLevelDb } from "./leveldb/check.ts";
import { parseLevelDbName } from "./leveldb/manifest.ts";
import type { Source } from "./source.ts";
import { checkSqlite } from "./sqlite/check.ts";
import { probeProfile, type StoreLayout } from "./storage-layout.ts";

/** What a verifier has found. */
export interface VerifyReport {
  /** What is wrong; none when Chromium would open all of it and keep it. Paths are inside what was verified. */
  readonly problems: readonly { readonly path: string; readonly reason: string }[];
  /** It carries no store of the site at all. */
  readonly empty: boolean;
  /** The browser that wrote it and the form of each store, as far as they are known. */
  readonly profile: ProfileFacts;
}

/** The first problem as `<path>: <reason>`; `undefined` when there is none. */
export function firstProblem({ problems }: Pick<VerifyReport, "problems">): string | undefined {
  const [first] = problems;
  return first && (first.path === "" ? first.reason : `${first.path}: ${first.reason}`);
}

/** As {@link firstProblem} for what must be a session: one without any storage of the site is none. */
export function sessionProblem(report: VerifyReport): string | undefined {
  return report.empty ? "it carries no storage of WhatsApp Web" : firstProblem(report);
}

type Problem = VerifyReport["problems"][number];
type Files = ReadonlyMap<string, Source>;

/**
 * Verifies what is at rest at `dir`: a profile, one LevelDB directory, or one SQLite file with its log. Whatever the
 * bytes are, it answers; what is not there is empty.
 * @throws `UNAVAILABLE` when the disk does not answer; the reason of `signal`.
 */
export async function verifyProfile(dir: string, options: { signal?: AbortSignal } = {}): Promise<VerifyReport> {
  const kind = await kindOf(dir);
  if (kind === "absent") return { problems: [], empty: true, profile: {} };
  if (kind === "file") {
    const files = await filesOf(dirname(dir), "", (name) => name === basename(dir) || name === `${basename(dir)}-wal`);
    return { problems: await verifySqlite(files, basename(dir)), empty: false, profile: {} };
  }
  if (kind === "leveldb") {
    return { problems: await verifyLevelDb(await filesOf(dir, "", () => true), ""), empty: false, profile: {} };
  }
  try {
    const { stores, facts } = await probeProfile(dir);
    const files = new Map<string, Source>();
    for (const store of stores) {
      for (const [path, source] of await filesOf(dir, store.path, isStoreFile(store))) files.set(path, source);
    }
    const problems = await verifyStores(stores, files, options.signal);
    return { problems, empty: stores.length === 0, profile: facts };
  } catch (error) {
    if (!isVaultError(error, "CORRUPT")) throw error;
    return { problems: [{ path: "", reason: error.message }], empty: false, profile: {} };
  }
}

/** Verifies the files of a capture, all of their bytes, as {@link verifyProfile} would once they are restored. */
export async function verifyCapture(capture: Capture, options: { signal?: AbortSignal } = {}): Promise<VerifyReport> {
  const files = new Map<string, Source>(capture.files.map((file) => [file.path, file]));
  const stores = layoutOf(capture);
  const problems = await verifyStores(stores, files, options.signal);
  for (const store of ["indexedDb", "localStorage"] as const) {
    const found = stores.find((layout) => layout.store === store)?.backend;
    if (found !== capture.profile[store]) problems.push({ path: "", reason: `its ${store} is not the one it says` });
  }
  return { problems, empty: stores.length === 0, profile: capture.profile };
}

async function verifyStores(stores: readonly StoreLayout[], files: Files, signal?: AbortSignal): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const store of stores) {
    signal?.throwIfAborted();
    if (store.backend === "leveldb") problems.push(...(await verifyLevelDb(files, `${store.path}/`)));
    for (const name of store.databases) {
      signal?.throwIfAborted();
      problems.push(...(await verifySqlite(files, `${store.path}/${name}`)));
    }
  }
  return problems;
}

async function verifyLevelDb(files: Files, prefix: string): Promise<Problem[]> {
  const names = new Map<string, Source>();
  for (const [path, source] of files) {
    if (path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
      names.set(path.slice(prefix.length), source);
  }
  const found = await checkLevelDb(names);
  return found.map(({ name, reason }) => ({ path: `${prefix}${name}`, reason }));
}

async function verifySqlite(files: Files, path: string): Promise<Problem[]> {
  const report = await checkSqlite(files.get(path), files.get(`${path}-wal`));
  return [
    ...(report.database ? [{ path, reason: report.database }] : []),
    ...(report.wal ? [{ path: `${path}-wal`, reason: report.wal }] : []),
  ];
}

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

async function kindOf(path: string): Promise<"absent" | "file" | "leveldb" | "profile"> {
  try {
    if ((await stat(path)).isFile()) return "file";
    const names = await readdir(path);
    const isLevelDb = names.some((name) => name === "corruption_info.json" || parseLevelDbName(name) !== undefined);
    return isLevelDb ? "leveldb" : "profile";
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return "absent";
    throw diskError(`read ${basename(path)}`, cause);
  }
}

function isStoreFile(store: StoreLayout): (name: string) => boolean {
  if (store.backend === "leveldb") return () => true;
  return (name) => store.databases.includes(name.replace(/-wal$/, ""));
}
