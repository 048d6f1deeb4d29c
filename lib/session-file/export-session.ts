import { join, resolve } from "node:path";
import { markProven, markRejected } from "../copy-session/mark-proven.ts";
import {
  type Copied,
  type CopyProgress,
  type CopyReport,
  type CopySessionOptions,
  copyToGeneration,
} from "../copy-session.ts";
import { makeTemporary, removeTemporary } from "../disk/temporary.ts";
import { invalidOption, VaultError } from "../errors.ts";
import { type GenerationInfo, isProfileStore, type SessionState, type SessionStore } from "../store.ts";
import { sessionName } from "../vault/layout.ts";
import { type Encryption, Vault } from "../vault/vault.ts";
import { type GenerationStore, OneGeneration } from "./one-generation.ts";
import { SpoolBlobs } from "./spool-blobs.ts";
import { checkTarget, writeSessionFile } from "./write-file.ts";

/** What {@link exportSession} takes. */
export interface ExportSessionOptions extends Pick<CopySessionOptions, "fromSession" | "dataPath" | "allowOlder"> {
  /** Any store with whatsapp-web.js's four methods; nothing is ever written to it, and no lease is taken. */
  from: SessionStore;
  /** Name of the session, e.g. `RemoteAuth-support` or `Baileys-support`; it is the name in the file. */
  session: string;
  /** Path of the file, in a folder that is there. */
  to: string;
  /** Exports this generation, for a store of this package. @default the current one */
  generation?: number | undefined;
  /** Key or passphrase of the file; it has nothing to do with that of the store. @default the file is not encrypted */
  encryption?: Encryption | undefined;
  /** Replaces a file that is at `to`. @default false */
  overwrite?: boolean | undefined;
  /** Told at the beginning of each step. */
  onProgress?: ((progress: CopyProgress) => void) | undefined;
  /** Ends the export at once, with its reason: `to` is as it was then. */
  signal?: AbortSignal | undefined;
}

/** The result of an export. */
export interface ExportReport extends Omit<CopyReport, "unchanged"> {
  /** Absolute path of the file. */
  readonly path: string;
  /** Bytes of the file; `bytes` are those of the session. */
  readonly fileBytes: number;
  /** Whether the file is encrypted. */
  readonly encrypted: boolean;
  /** The generation that was exported, as the store tells of it; absent for stores without generations. */
  readonly generation?: GenerationInfo;
}

/**
 * Writes one session into one file, in which it is whole, verified, and encrypted when a key is given. The session may be in
 * use: no lease is taken, and what is exported is what the store had at one moment. The file is written beside its place, with
 * mode 0600, synced, read back and compared, and only then gets its name: whatever ends the export leaves `to` as it was.
 * FORMAT.md in this folder describes the file; {@link importSession} reads it.
 *
 * A session of Baileys that a bot goes on using must not be imported later: its keys have moved on. `heldBy` tells that.
 * @throws `ABSENT` when the store does not have the session or the generation; `CORRUPT` when it does not verify; `CONFLICT`
 *   when there is a file at `to`; `INVALID` when `to` cannot be that of a file, or the store has no generations; `UNAVAILABLE` or `DENIED` when the store or
 *   the disk fails; else as {@link copySession}; the reason of `signal`
 */
export async function exportSession(options: ExportSessionOptions): Promise<ExportReport> {
  const { from, to, generation, encryption, overwrite = false, signal, onProgress, dataPath, allowOlder } = options;
  signal?.throwIfAborted();
  const session = sessionName(options.session);
  if (typeof to !== "string" || to === "") throw invalidOption("to", "the path of a file", to);
  const path = resolve(to);
  const began = performance.now();
  await checkTarget(path, overwrite);
  const fromSession = options.fromSession ?? (isProfileStore(from) ? session : undefined);
  const one =
    generation === undefined ? undefined : await oneGeneration(from, fromSession ?? session, generation, signal);
  const before = one?.info ?? (await currentOf(from, fromSession ?? session, signal));
  const directory = await makeTemporary(path);
  let spool: SpoolBlobs | undefined;
  try {
    spool = await SpoolBlobs.create(join(directory, "session"));
    const vault = new Vault({ blobs: spool, encryption });
    // Nothing of the source is taken or changed: whoever has it goes on.
    const copy = { from: one?.view ?? from, to: vault, session, fromSession, force: true };
    const copied = await copyToGeneration({ ...copy, dataPath, allowOlder, onProgress, signal });
    const { unchanged, ...report } = copied.report;
    const exported = one?.info ?? (await exportedOf(from, copied, before, signal));
    if (exported?.proven) await markProven(vault, session, copied, signal);
    if (exported?.rejected) await markRejected(vault, session, copied, signal);
    const fileBytes = await writeSessionFile(path, spool, { overwrite, signal });
    return {
      ...report,
      path,
      fileBytes,
      encrypted: encryption !== undefined,
      ...(exported ? { generation: exported } : {}),
      ms: performance.now() - began,
    };
  } finally {
    await spool?.close();
    await removeTemporary(directory);
  }
}

async function oneGeneration(
  from: SessionStore,
  session: string,
  generation: number,
  signal: AbortSignal | undefined,
): Promise<{ view: OneGeneration; info: GenerationInfo }> {
  if (!isProfileStore(from) || typeof Reflect.get(from, "peekRecords") !== "function") {
    throw new VaultError("INVALID", `Could not export generation ${generation} of ${session}: the store has none.`);
  }
  const view = new OneGeneration(from as unknown as GenerationStore, generation, signal);
  const info = await view.find(session);
  if (info) return { view, info };
  const state = await view.state({ session, ...(signal ? { signal } : {}) });
  const kept = state?.generations.map((each) => each.generation).join(", ");
  throw new VaultError("ABSENT", `There is no generation ${generation} of ${session}.`, {
    hint: kept ? `It has generation ${kept}.` : undefined,
  });
}

/**
 * What the source tells of the generation that was copied. Where it has not said which one that was, as of records: the
 * current one of before the copy, while it still is.
 */
async function exportedOf(
  from: SessionStore,
  { report: { fromSession }, source }: Copied,
  before: GenerationInfo | undefined,
  signal: AbortSignal | undefined,
): Promise<GenerationInfo | undefined> {
  const state = await stateOf(from, fromSession, signal);
  if (source !== undefined) return state?.generations.find(({ id }) => id === source.id);
  return state?.current?.id === before?.id ? state?.current : undefined;
}

async function currentOf(
  from: SessionStore,
  session: string,
  signal: AbortSignal | undefined,
): Promise<GenerationInfo | undefined> {
  return (await stateOf(from, session, signal))?.current;
}

async function stateOf(
  from: SessionStore,
  session: string,
  signal: AbortSignal | undefined,
): Promise<SessionState | undefined> {
  if (!isProfileStore(from)) return undefined;
  return await from.state({ session, ...(signal ? { signal } : {}) });
}
