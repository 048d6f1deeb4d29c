import type { FileSource } from "../disk/file-source.ts";
import { isVaultError } from "../errors.ts";
import type { ProfileFacts } from "../store.ts";
import { checkLevelDb } from "./leveldb/check.ts";
import { filesOf } from "./listing.ts";
import { checkSqlite } from "./sqlite/check.ts";
import { probeProfile, type StorageLayout } from "./storage-layout.ts";

/** The result of verifying a profile. */
export interface VerifyReport {
  /**
   * What is wrong with each file; none when Chromium would open all of the storage and keep it. Paths are relative to
   * the profile; an empty path means the profile itself.
   */
  readonly problems: readonly { readonly path: string; readonly reason: string }[];
  /** Whether the profile carries no storage of the site at all. */
  readonly empty: boolean;
  /** The browser that wrote the profile and the form of each storage, as far as they are known. */
  readonly profile: ProfileFacts;
}

/** The first problem as `<path>: <reason>`; `undefined` when there is none. */
export function firstProblem({ problems }: Pick<VerifyReport, "problems">): string | undefined {
  const [first] = problems;
  return first && (first.path === "" ? first.reason : `${first.path}: ${first.reason}`);
}

/**
 * As {@link firstProblem}, for a profile that must carry a session: one without storage of the site has a problem too.
 */
export function sessionProblem(report: VerifyReport): string | undefined {
  return report.empty ? "it carries no storage of WhatsApp Web" : firstProblem(report);
}

type Problem = VerifyReport["problems"][number];
type Files = ReadonlyMap<string, FileSource>;

/**
 * Verifies the profile at rest at `dir`. Damage of any kind is reported as a problem; an absent directory is empty.
 * @throws `UNAVAILABLE` or `DENIED` when the disk refuses; the signal's reason
 */
export async function verifyProfile(dir: string, options: { signal?: AbortSignal } = {}): Promise<VerifyReport> {
  try {
    const { storages, facts } = await probeProfile(dir);
    const files = new Map<string, FileSource>();
    for (const storage of storages) {
      for (const [path, source] of await filesOf(dir, storage.path, isStorageFile(storage))) files.set(path, source);
    }
    const problems = await verifyStorages(storages, files, options.signal);
    return { problems, empty: storages.length === 0, profile: facts };
  } catch (error) {
    if (!isVaultError(error, "CORRUPT")) throw error;
    return { problems: [{ path: "", reason: error.message }], empty: false, profile: {} };
  }
}

/**
 * Verifies the databases of some storages.
 * @param files by their paths relative to the profile
 */
export async function verifyStorages(
  storages: readonly StorageLayout[],
  files: Files,
  signal?: AbortSignal,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const storage of storages) {
    signal?.throwIfAborted();
    if (storage.backend === "leveldb") problems.push(...(await verifyLevelDb(files, `${storage.path}/`)));
    for (const name of storage.databases) {
      signal?.throwIfAborted();
      problems.push(...(await verifySqlite(files, `${storage.path}/${name}`)));
    }
  }
  return problems;
}

async function verifyLevelDb(files: Files, prefix: string): Promise<Problem[]> {
  const names = new Map<string, FileSource>();
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

function isStorageFile(storage: StorageLayout): (name: string) => boolean {
  if (storage.backend === "leveldb") return () => true;
  return (name) => storage.databases.includes(name.replace(/-wal$/, ""));
}
