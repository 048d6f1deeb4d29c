import type { FileSource } from "../disk/file-source.ts";
import { isVaultError } from "../errors.ts";
import type { ProfileFacts } from "../store.ts";
import { checkLevelDb, type FileProblem } from "./leveldb/check.ts";
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

/**
 * Verifies the profile at rest at `dir`. Damage of any kind is reported as a problem; an absent directory is empty.
 * @throws `UNAVAILABLE` or `DENIED` when the disk refuses; the signal's reason
 */
export async function verifyProfile(dir: string, options: { signal?: AbortSignal } = {}): Promise<VerifyReport> {
  try {
    const { storages, facts } = await probeProfile(dir);
    const problems: VerifyReport["problems"][number][] = [];
    for (const storage of storages) {
      const found = await verifyStorage(storage, await filesOf(dir, storage.path), options.signal);
      problems.push(...found.map(({ name, reason }) => ({ path: `${storage.path}/${name}`, reason })));
    }
    return { problems, empty: storages.length === 0, profile: facts };
  } catch (error) {
    if (!isVaultError(error, "CORRUPT")) throw error;
    return { problems: [{ path: "", reason: error.message }], empty: false, profile: {} };
  }
}

/** @param files of the storage's directory, by name */
async function verifyStorage(
  { backend, databases }: StorageLayout,
  files: ReadonlyMap<string, FileSource>,
  signal: AbortSignal | undefined,
): Promise<FileProblem[]> {
  signal?.throwIfAborted();
  const problems = backend === "leveldb" ? await checkLevelDb(files) : [];
  for (const name of databases) {
    signal?.throwIfAborted();
    const report = await checkSqlite(files.get(name), files.get(`${name}-wal`));
    if (report.database) problems.push({ name, reason: report.database });
    if (report.wal) problems.push({ name: `${name}-wal`, reason: report.wal });
  }
  return problems;
}
