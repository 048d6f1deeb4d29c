import { resolve } from "node:path";
import { markProven } from "../copy-session/mark-proven.ts";
import { isOtherVersion } from "../copy-session/other-version.ts";
import { type Copied, type CopyProgress, type CopyReport, copyToGeneration } from "../copy-session.ts";
import { invalidOption, isVaultError, VaultError } from "../errors.ts";
import { isProfileStore, type SessionState, type SessionStore } from "../store.ts";
import { sessionName } from "../vault/layout.ts";
import { type Encryption, Vault } from "../vault/vault.ts";
import { FileBlobs } from "./file-blobs.ts";
import { checkSameKind } from "./names.ts";

/** What {@link readSessionFile} takes. */
export interface ReadSessionFileOptions {
  /** Path of the file. */
  from: string;
  /** Key or passphrase of the file. @default none */
  encryption?: Encryption | undefined;
  /** Ends the work at once, with its reason. */
  signal?: AbortSignal | undefined;
}

/** What {@link importSession} takes. */
export interface ImportSessionOptions extends ReadSessionFileOptions {
  /** Any store with whatsapp-web.js's four methods; a store of this package for a session of Baileys. */
  to: SessionStore;
  /** Name of the session in the store, of the same kind. @default its name in the file */
  session?: string | undefined;
  /** Makes it the current version also where the store has the session already; what was there is kept. @default false */
  overwrite?: boolean | undefined;
  /** With `overwrite`, also where the session in the store is that of another phone. @default false */
  otherPhone?: boolean | undefined;
  /** Told at the beginning of each step. */
  onProgress?: ((progress: CopyProgress) => void) | undefined;
}

/** What a session file has. */
export interface SessionFileFacts {
  /** Absolute path of the file. */
  readonly path: string;
  /** Bytes of the file. */
  readonly fileBytes: number;
  /** Whether it is encrypted. */
  readonly encrypted: boolean;
  /** Name of the session in it. */
  readonly session: string;
  /** What the session consists of: the profile of a browser, or the records of a Baileys bot. */
  readonly kind: "profile" | "records";
  /** When it was exported. */
  readonly exportedAt: Date;
  /** How many files, or records, the session has, as the file says. */
  readonly files: number;
  /** Their bytes. */
  readonly bytes: number;
  /** A browser that started from it had reached `ready`. */
  readonly proven: boolean;
  /** WhatsApp had refused it: a browser that started from it was asked to link again. */
  readonly rejected: boolean;
}

/** The result of an import. */
export interface ImportReport extends Omit<CopyReport, "heldBy"> {
  /** Absolute path of the file. */
  readonly path: string;
  /** Bytes of the file; `bytes` are those of the session. */
  readonly fileBytes: number;
  /** Whether the file is encrypted. */
  readonly encrypted: boolean;
}

/**
 * Checks every byte of a session file, and tells what is in it.
 * @throws `CORRUPT` when the file is cut short or damaged; `WRONG_KEY` when it is encrypted and its key was not given;
 *   `INVALID` when it is no session file, or one of a newer version; `ABSENT` when there is no file; `DENIED` or `UNAVAILABLE`
 *   when the disk fails; the reason of `signal`
 */
export async function readSessionFile(options: ReadSessionFileOptions): Promise<SessionFileFacts> {
  return await withSessionFile(options, async ({ facts }) => facts);
}

/**
 * Puts the session in a file that {@link exportSession} has written into a store: as a new generation, which is read back and
 * compared. The file is left alone, and so is what the store has unless `overwrite` is set; even then it is kept as an older
 * generation, to roll back to; of a session of Baileys, to export and import. What WhatsApp has refused is imported without that mark: a bot tries it once more.
 * @throws as {@link readSessionFile}; `CONFLICT` when the store has another version of the session and `overwrite` is not set,
 *   or the session of another phone and `otherPhone` is not set; `LEASE_HELD` when a process has the session in the store;
 *   `INVALID` when `session` is a name of bots of another kind; else as {@link copySession}. Nothing is changed then
 */
export async function importSession(options: ImportSessionOptions): Promise<ImportReport> {
  const { to, overwrite = false, otherPhone = false, onProgress, signal } = options;
  const began = performance.now();
  return await withSessionFile(options, async ({ vault, facts }) => {
    const session = options.session === undefined ? facts.session : sessionName(options.session);
    checkSameKind(facts.session, session, `import ${facts.session}`);
    const copy = { from: vault, to, session, fromSession: facts.session, replace: overwrite, otherPhone };
    const copied = await copyInto({ ...copy, onProgress, signal });
    if (facts.proven && !facts.rejected && isProfileStore(to)) await markProven(to, session, copied, signal);
    const { path, fileBytes, encrypted } = facts;
    return { ...copied.report, path, fileBytes, encrypted, ms: performance.now() - began };
  });
}

async function copyInto(options: Parameters<typeof copyToGeneration>[0]): Promise<Copied> {
  try {
    return await copyToGeneration(options);
  } catch (cause) {
    if (!isOtherVersion(cause)) throw cause;
    throw new VaultError("CONFLICT", cause.message, {
      cause,
      hint: "Nothing was changed. Import it under another name, or set `overwrite`: what the store has is kept then as an older generation.",
    });
  }
}

interface OpenedFile {
  readonly vault: Vault;
  readonly facts: SessionFileFacts;
}

/** Does `work` with the session file as a store, which nothing can change. */
async function withSessionFile<T>(
  { from, encryption, signal }: ReadSessionFileOptions,
  work: (file: OpenedFile) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  if (typeof from !== "string" || from === "") throw invalidOption("from", "the path of a file", from);
  const path = resolve(from);
  const blobs = await FileBlobs.open(path, { signal });
  try {
    const vault = new Vault({ blobs, encryption, onWarning: () => {} });
    const { session, bytes: fileBytes } = blobs;
    const state = await stateIn(path, vault, session, { hasKey: encryption !== undefined, signal });
    const { kind = "profile", current } = state;
    if (!current) throw new VaultError("CORRUPT", `The session file ${path} is damaged: it has no generation.`);
    const { at: exportedAt, files, bytes, proven, rejected, keyId } = current;
    const content = { session, kind, exportedAt, files, bytes, proven, rejected };
    const facts = { path, fileBytes, encrypted: keyId !== undefined, ...content };
    return await work({ vault, facts });
  } finally {
    await blobs.close();
  }
}

async function stateIn(
  path: string,
  vault: Vault,
  session: string,
  { hasKey, signal }: { hasKey: boolean; signal: AbortSignal | undefined },
): Promise<SessionState> {
  try {
    const state = await vault.state({ session, ...(signal ? { signal } : {}) });
    if (state) return state;
  } catch (cause) {
    if (!isVaultError(cause, "WRONG_KEY")) throw cause;
    const why = hasKey ? "the key or passphrase that was given is not that of the file" : "no key was given";
    throw new VaultError("WRONG_KEY", `Could not read ${path}: it is encrypted, and ${why}.`, {
      cause,
      hint: "Give the key or passphrase that it was exported with: it is not that of the store. The session is in the file, and nothing was changed.",
    });
  }
  throw new VaultError("CORRUPT", `The session file ${path} is damaged: its session has no entry.`);
}
