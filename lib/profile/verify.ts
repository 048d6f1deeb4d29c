import { isOutOfMemory } from "../async/memory.ts";
import { exactIdentity } from "../disk/file-identity.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { ProfileFacts } from "../store.ts";
import type { CheckedFiles } from "./checked-files.ts";
import type { StorageLayout } from "./found-storage.ts";
import { checkLevelDb, type FileProblem, isUnborn } from "./leveldb/check.ts";
import { filesOf, type IdentifiedFile } from "./listing.ts";
import type { PieceSource } from "./pieces.ts";
import { checkSqlite } from "./sqlite/check.ts";
import { WalScanner } from "./sqlite/wal.ts";
import { probeProfile } from "./storage-layout.ts";

/** The result of verifying a profile. */
export interface VerifyReport {
  /**
   * What is wrong with each file; none when Chromium would open all of the storage and keep it. Paths are relative to
   * the profile; an empty path means the profile itself.
   */
  readonly problems: readonly { readonly path: string; readonly reason: string }[];
  /** Whether the profile carries no storage of the site at all, or a browser has only begun to make it. */
  readonly empty: boolean;
  /** The browser that wrote the profile and the form of each storage, as far as they are known. */
  readonly profile: ProfileFacts;
  /** Paths beside the storage that are no part of it: see `ProfileLayout.strangers`; absent without any. */
  readonly strangers?: readonly string[];
  /** What a person can do about the problems, if that is known. */
  readonly hint?: string | undefined;
}

/** How {@link verifyProfile} verifies. */
interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly checked?: CheckedFiles | undefined;
  readonly isVerified?: boolean | undefined;
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
 * @param options.checked gets the files that are sound, as they were before they were read; a file that is as it was when
 *   it was found sound is not read again
 * @param options.isVerified whether the files hold, byte for byte, what was verified before: then the tables of LevelDB
 *   and the trees of SQLite are not read, and what ties the files together still is. @default false
 * @throws `UNAVAILABLE` or `DENIED` when the disk refuses; `UNAVAILABLE` without memory; the signal's reason
 */
export async function verifyProfile(dir: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  try {
    const { storages, facts, strangers } = await probeProfile(dir);
    const beside = strangers.length > 0 ? { strangers } : {};
    const listed = new Map<StorageLayout, ReadonlyMap<string, IdentifiedFile>>();
    for (const storage of storages) listed.set(storage, await filesOf(dir, storage.path));
    // A browser that was killed in its first moments has left nothing that could be damaged.
    if ([...listed].every(([{ backend }, files]) => backend === "leveldb" && isUnborn(files))) {
      return { problems: [], empty: true, profile: versionOf(facts), ...beside };
    }
    const problems: VerifyReport["problems"][number][] = [];
    for (const [storage, files] of listed) {
      const found = await verifyStorage(storage, files, options);
      problems.push(...found.map(({ name, reason }) => ({ path: `${storage.path}/${name}`, reason })));
    }
    return { problems, empty: false, profile: facts, ...beside };
  } catch (error) {
    if (isOutOfMemory(error)) {
      throw new VaultError("UNAVAILABLE", `Could not verify ${dir}: this process is out of memory.`, { cause: error });
    }
    if (!isVaultError(error, "CORRUPT")) throw error;
    return damaged(error);
  }
}

/** The report of a profile whose storages could not be told. */
export function damaged({ message, hint }: VaultError): VerifyReport {
  return { problems: [{ path: "", reason: message }], empty: false, profile: {}, ...(hint ? { hint } : {}) };
}

/** @param files of the storage's directory, by name */
async function verifyStorage(
  { backend, path, databases }: StorageLayout,
  files: ReadonlyMap<string, IdentifiedFile>,
  { signal, checked, isVerified = false }: VerifyOptions,
): Promise<FileProblem[]> {
  signal?.throwIfAborted();
  if (backend === "leveldb") return await verifyLevelDb(path, files, { signal, checked, isVerified });
  const problems: FileProblem[] = [];
  for (const name of databases) {
    signal?.throwIfAborted();
    const database = files.get(name);
    const wal = files.get(`${name}-wal`);
    const key = databaseKey(database, wal);
    if (key !== undefined && checked?.isAtRest(`${path}/${name}`, key)) continue;
    const scanner = new WalScanner();
    const [read, readWal] = [database && stoppable(database, signal), wal && stoppable(wal, signal)];
    const report = await checkSqlite(read, readWal, { scanner, isVerified });
    if (report.database) problems.push({ name, reason: report.database });
    if (report.wal) problems.push({ name: `${name}-wal`, reason: report.wal });
    if (database && !report.database && !report.wal) {
      checked?.addDatabase(`${path}/${name}`, database.identity);
      if (wal) checked?.addWal(`${path}/${name}-wal`, wal.identity, scanner);
      if (key !== undefined) checked?.addAtRest(`${path}/${name}`, key);
    }
  }
  return problems;
}

/** What is known of a profile without storage. */
function versionOf({ browserVersion }: ProfileFacts): ProfileFacts {
  return browserVersion === undefined ? {} : { browserVersion };
}

async function verifyLevelDb(
  path: string,
  files: ReadonlyMap<string, IdentifiedFile>,
  { signal, checked, isVerified = false }: VerifyOptions,
): Promise<FileProblem[]> {
  return await checkLevelDb(files, {
    isVerified,
    isSound: (name) => {
      const file = files.get(name);
      return file !== undefined && checked?.hasTable(`${path}/${name}`, file.identity) === true;
    },
    versionOf: (key) => (checked?.isAtRest(path, key) ? checked.versionOf(path, key) : undefined),
    onTable: (name, firstKey) => {
      const file = files.get(name);
      if (file) checked?.addTable(`${path}/${name}`, file.identity, firstKey);
    },
    onVersion: (key, version) => {
      checked?.addVersion(path, key, version);
      checked?.addAtRest(path, key);
    },
    mustGoOn: () => signal?.throwIfAborted(),
  });
}

/** A file of which nothing more is read once the signal has aborted: a database is read as a whole. */
function stoppable({ size, read, readInto, whileOpen }: PieceSource, signal: AbortSignal | undefined): PieceSource {
  return {
    size,
    read: async (position, length) => {
      signal?.throwIfAborted();
      return await read(position, length);
    },
    ...(readInto && {
      readInto: async (target, position) => {
        signal?.throwIfAborted();
        await readInto(target, position);
      },
    }),
    ...(whileOpen && { whileOpen: (action) => whileOpen((open) => action(stoppable(open, signal))) }),
  };
}

/**
 * The same text for a database and a log with the same content; `undefined` when that cannot be told, because one of them
 * was written just now.
 */
function databaseKey(database: IdentifiedFile | undefined, wal: IdentifiedFile | undefined): string | undefined {
  if (!database?.identity.trustworthy || wal?.identity.trustworthy === false) return undefined;
  return `${exactIdentity(database.identity)} ${wal ? exactIdentity(wal.identity) : ""}`;
}
