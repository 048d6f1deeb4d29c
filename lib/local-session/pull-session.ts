import { constants } from "node:fs";
import { copyFile, mkdir, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { zipFolder } from "../archive/zip-folder.ts";
import { watchUse, withClosedProfile } from "../browser/closed-profile.ts";
import { type CopyProgress, copySession } from "../copy-session.ts";
import { syncFile, uniqueName } from "../disk/durable.ts";
import { codeOf, diskError } from "../disk/errors.ts";
import { keepTemporary, removeTemporary, withTemporary } from "../disk/temporary.ts";
import { invalidOption, isVaultError } from "../errors.ts";
import { keepReplaced, newStagingPath, recoverSwap, swapIn } from "../profile/swap.ts";
import { type GenerationStore, OneGeneration } from "../session-file/one-generation.ts";
import type { RestoreReport } from "../store.ts";
import { sessionName } from "../vault/layout.ts";
import type { Vault } from "../vault/vault.ts";
import { warningListener } from "../warnings.ts";
import { heldError, refuseHeld } from "./held-session.ts";
import { checkFree, type PullForm, placeOf } from "./place-of-session.ts";
import { withScratchVault } from "./scratch-vault.ts";

/** What {@link pullSession} takes. */
export interface PullSessionOptions {
  /** A store of this package; nothing is written to it. */
  from: Vault;
  /** Name of the session, e.g. `RemoteAuth-support` or `Baileys-support`. */
  session: string;
  /** Path of what is written; for `local-auth` the data path, in which the profile has the folder of its client id. */
  to: string;
  /**
   * - `profile`: a browser profile, the folder itself
   * - `local-auth`: the profile in the data path of a `LocalAuth`, shipped or ours: `<to>/session-<clientId>`; the client id
   *   of `RemoteAuth-support` is `support`, that of a session with another name is the whole name, `RemoteAuth` has none
   * - `zip`: the zip of a profile, as `RemoteAuth` and the stores for it keep it
   * - `multi-file`: a directory of `useMultiFileAuthState`, for a session of Baileys
   *
   * @default `multi-file` for a session of Baileys; else `zip` where `to` ends in `.zip`, `local-auth` where it ends in
   *   `.wwebjs_auth`, and `profile`
   */
  form?: PullForm | undefined;
  /** @default the current one */
  generation?: number | undefined;
  /** Replaces what is at the place, which is kept beside it. @default false: only an empty folder may be there */
  overwrite?: boolean | undefined;
  /** Told at the beginning of each step. */
  onProgress?: ((progress: CopyProgress) => void) | undefined;
  /** Called with warnings for a person. @default `process.emitWarning` */
  onWarning?: ((message: string) => void) | undefined;
  /** Ends the work at once, with its reason: the place is as it was then. */
  signal?: AbortSignal | undefined;
}

/** The result of a pull. */
export interface PullReport {
  /** Name of the session in the store. */
  readonly session: string;
  /** The form that was written. */
  readonly form: PullForm;
  /** Absolute path of the profile, the zip or the directory. */
  readonly path: string;
  /** How many files, or records, the session has. */
  readonly files: number;
  /** Bytes of the files, or of the values of the records. */
  readonly bytes: number;
  /** The generation that was pulled; absent for a session of Baileys, unless it was named. */
  readonly generation?: number;
  /** WhatsApp has refused that generation: a bot that starts from it may be asked to link again. */
  readonly rejected: boolean;
  /** Newer generations that were not whole. */
  readonly skipped: RestoreReport["skipped"];
  /** The process that has the session in the store (`host:pid`): two bots must not run it. */
  readonly heldBy?: string;
  /** Where what was at the place is now. It may be the only copy of a session; nothing removes it. */
  readonly kept?: string;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/**
 * Writes a session of a store to the disk, in a form that bots take which do not use the store: verified, beside its place, and
 * only then moved there. The session in the store stays as it is.
 * @throws `CONFLICT` when something is at the place and `overwrite` is not set; `LEASE_HELD` when a browser has the profile at
 *   the place open, or a bot has a session of Baileys in the store; `INVALID` when the session cannot have that form; `ABSENT`,
 *   `CORRUPT` and `WRONG_KEY` as a restore; `UNAVAILABLE` or `DENIED` when the store or the disk fails; the reason of `signal`
 */
export async function pullSession(options: PullSessionOptions): Promise<PullReport> {
  const { from, to, generation, signal } = options;
  signal?.throwIfAborted();
  if (typeof to !== "string" || to === "") throw invalidOption("to", "a path", to);
  const session = sessionName(options.session);
  const began = performance.now();
  const state = await from.state({ session, ...(signal ? { signal } : {}) });
  const kind = state?.kind ?? "profile";
  const { form, path } = placeOf(session, kind, options);
  refuseHeld(session, state);
  const owner = state?.lease?.owner;
  const call: Call = { ...options, session, path };
  const done =
    form === "multi-file" ? await toMultiFile(call) : form === "zip" ? await toZip(call) : await toProfile(call);
  const number = done.generation ?? generation;
  return {
    session,
    form,
    path,
    files: done.files,
    bytes: done.bytes,
    ...(number === undefined ? {} : { generation: number }),
    rejected: state?.generations.some((one) => one.generation === number && one.rejected) ?? false,
    skipped: done.skipped ?? [],
    ...(done.kept === undefined ? {} : { kept: done.kept }),
    ...(owner === undefined ? {} : { heldBy: owner }),
    ms: performance.now() - began,
  };
}

interface Call extends PullSessionOptions {
  readonly path: string;
}

type Done = Pick<RestoreReport, "files" | "bytes"> &
  Partial<Pick<RestoreReport, "generation" | "skipped">> &
  Pick<PullReport, "kept">;

async function toProfile(call: Call): Promise<Done> {
  const { from, session, path, generation, signal, onWarning } = call;
  await checkFree(call, "folder");
  await makeParent(path);
  return await withClosedProfile(path, { isRead: false, signal, onWarning: warningListener(onWarning) }, async () => {
    await recoverSwap(path);
    const checkUnused = await watchUse(path, signal);
    const staged = newStagingPath(path);
    // Who ends this process at once leaves no half of a session beside the place. What is about to be moved there must stay.
    keepTemporary(staged, false);
    try {
      tell(call, "reading");
      const report = await from.restoreProfile({ session, into: staged, generation, signal });
      tell(call, "writing", report);
      await checkFree(call, "folder");
      // A bot of another package may have been started meanwhile: it would go on in the folder that is moved away.
      await checkUnused();
      signal?.throwIfAborted();
      await swapIn({ from: staged, to: path, isOnDisk: report.isOnDisk ?? false, beforeMove: mayStay(staged) });
      return { ...report, ...(await keptOf(path)) };
    } catch (error) {
      await removeTemporary(staged);
      throw error;
    }
  });
}

async function toZip(call: Call): Promise<Done> {
  const { from, session, path, generation, signal } = call;
  await checkFree(call, "file");
  await makeParent(path);
  return await withTemporary(async (folder) => {
    tell(call, "reading");
    const into = join(folder, "profile");
    const report = await from.restoreProfile({ session, into, generation, signal });
    tell(call, "writing", report);
    await checkFree(call, "file");
    const kept = await keepFile(path);
    await zipFolder(into, path, { signal });
    return { ...report, ...kept };
  }, path);
}

async function toMultiFile(call: Call): Promise<Done> {
  const { from, session, path, generation, overwrite = false, onProgress, onWarning, signal } = call;
  await checkFree(call, "folder");
  await makeParent(path);
  const one = generation === undefined ? from : new OneGeneration(from as GenerationStore, generation, signal);
  // A state that was replaced is whole until the new one has its place.
  const place = overwrite ? newStagingPath(path) : path;
  // Only who has a session of Baileys loads what reads it.
  const { migrateAuthState } = await import("../baileys/migration/migrate-auth-state.ts");
  return await withScratchVault(async (vault) => {
    const copied = await copySession({ from: one, to: vault, session, fromSession: session, onProgress, signal }).catch(
      (error: unknown) => {
        // A bot has taken the session meanwhile; the hint of a copy names an option of it.
        throw isVaultError(error, "LEASE_HELD") ? heldError(session, error.owner) : error;
      },
    );
    if (overwrite) keepTemporary(place, false);
    try {
      const { warnings } = await migrateAuthState({
        from: { store: vault, session },
        to: { multiFile: place },
        signal,
      });
      for (const warning of warnings) warningListener(onWarning)(warning);
      if (overwrite) {
        signal?.throwIfAborted();
        await swapIn({ from: place, to: path, beforeMove: mayStay(place) });
        return { ...copied, ...(await keptOf(path)) };
      }
    } catch (error) {
      if (overwrite) await removeTemporary(place);
      throw error;
    }
    return copied;
  });
}

/** A staged folder is no temporary one any more: from now on one of two folders is the only one at the place. */
function mayStay(staged: string): () => Promise<void> {
  return async () => keepTemporary(staged, true);
}

/** Keeps the folder that was replaced, unless it was empty. */
async function keptOf(path: string): Promise<Pick<PullReport, "kept">> {
  const [kept] = await keepReplaced(path);
  if (kept === undefined) return {};
  // Says of a folder with something in it that it is not empty.
  const isEmpty = await rmdir(kept).then(
    () => true,
    () => false,
  );
  return isEmpty ? {} : { kept };
}

/** Gives the file at `path` a second name, until the new one has its place. */
async function keepFile(path: string): Promise<Pick<PullReport, "kept">> {
  const kept = uniqueName(`${path}.kept-`);
  try {
    await copyFile(path, kept, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await syncFile(kept);
    return { kept };
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return {};
    await rm(kept, { force: true });
    throw diskError(`keep a copy of ${path}`, cause);
  }
}

async function makeParent(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw diskError(`make the folder ${dirname(path)}`, cause);
  }
}

function tell({ onProgress, signal, session }: Call, step: CopyProgress["step"], sizes?: Done): void {
  signal?.throwIfAborted();
  onProgress?.({ step, session, ...(sizes && { files: sizes.files, bytes: sizes.bytes }) });
}
