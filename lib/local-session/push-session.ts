import { isOtherVersion } from "../copy-session/other-version.ts";
import { type CopyProgress, type CopyReport, copySession } from "../copy-session.ts";
import { invalidOption, VaultError } from "../errors.ts";
import { checkSameKind } from "../session-file/names.ts";
import type { SessionStore } from "../store.ts";
import { sessionName } from "../vault/layout.ts";
import { warningListener } from "../warnings.ts";
import { LocalSource } from "./local-source.ts";
import { type LocalForm, recogniseSession } from "./recognise.ts";
import { withScratchVault } from "./scratch-vault.ts";

/** What {@link pushSession} takes. */
export interface PushSessionOptions {
  /** Path of a profile, of the data path of a `LocalAuth` with one profile, of the zip of a profile, or of a directory of `useMultiFileAuthState`. It is only read. */
  from: string;
  /** Any store with whatsapp-web.js's four methods; a store of this package for a session of Baileys. */
  to: SessionStore;
  /** Name of the session in the store. @default the one that the name on the disk tells: `session-support` is `RemoteAuth-support` */
  session?: string | undefined;
  /** Makes it the current version also where the store has the session already; what was there is kept. @default false */
  overwrite?: boolean | undefined;
  /** With `overwrite`, also where the session in the store is that of another phone. @default false */
  otherPhone?: boolean | undefined;
  /** Told at the beginning of each step. */
  onProgress?: ((progress: CopyProgress) => void) | undefined;
  /** Called with warnings for a person. @default `process.emitWarning` */
  onWarning?: ((message: string) => void) | undefined;
  /** Ends the work at once, with its reason. */
  signal?: AbortSignal | undefined;
}

/** The result of a push. */
export interface PushReport extends Omit<CopyReport, "heldBy" | "fromSession" | "skipped"> {
  /** The form of what was read. */
  readonly form: Exclude<LocalForm, "session-file">;
  /** Absolute path of what was read. */
  readonly path: string;
}

/**
 * Puts a session that bots keep on a disk into a store, as a new generation: reads it, checks that Chromium, or Baileys, would
 * open it, writes it, reads it back and compares. Nothing on the disk is changed, and what the store has is kept as an older
 * generation.
 * @throws `LEASE_HELD` when a browser or a bot has the profile open, or a process has the session in the store; `CORRUPT` when
 *   the session on the disk does not verify; `CONFLICT` when the store has another version of the session and `overwrite` is
 *   not set, or the session of another phone and `otherPhone` is not set; `INVALID` when nobody can tell what is at `from`, or
 *   its name, or it is a session file; `ABSENT` when nothing is there; else as {@link copySession}. Nothing is changed then
 */
export async function pushSession(options: PushSessionOptions): Promise<PushReport> {
  const { from, signal } = options;
  signal?.throwIfAborted();
  if (typeof from !== "string" || from === "") throw invalidOption("from", "a path", from);
  const began = performance.now();
  const local = await recogniseSession(from);
  const { form, path } = local;
  if (form === "session-file") {
    throw new VaultError("INVALID", `Could not push ${path}: it is neither a zip nor a folder.`, {
      hint: "`importSession`, and `wa-vault import`, take a session file.",
    });
  }
  const session = nameFor(options.session ?? local.session, form, path);
  const onWarning = warningListener(options.onWarning);
  const copy = async (source: SessionStore): Promise<PushReport> => {
    const { fromSession, skipped, ...report } = await copyChecked(source, session, options);
    return { ...report, form, path, ms: performance.now() - began };
  };
  if (form !== "multi-file") return await copy(new LocalSource(local, { signal, onWarning }));
  // Only who has a session of Baileys loads what reads it.
  const { migrateAuthState } = await import("../baileys/migration/migrate-auth-state.ts");
  return await withScratchVault(async (vault) => {
    const { warnings } = await migrateAuthState({ from: { multiFile: path }, to: { store: vault, session }, signal });
    for (const warning of warnings) onWarning(warning);
    return await copy(vault);
  });
}

async function copyChecked(source: SessionStore, session: string, options: PushSessionOptions): Promise<CopyReport> {
  const { to, overwrite = false, otherPhone = false, onProgress, signal } = options;
  try {
    return await copySession({
      from: source,
      to,
      session,
      fromSession: session,
      replace: overwrite,
      otherPhone,
      onProgress,
      signal,
    });
  } catch (cause) {
    if (!isOtherVersion(cause)) throw cause;
    throw new VaultError("CONFLICT", cause.message, {
      cause,
      hint: "Nothing was changed. Choose another name, or set `overwrite`: what the store has is kept then as an older generation.",
    });
  }
}

function nameFor(given: string | undefined, form: LocalForm, path: string): string {
  if (given === undefined) {
    throw new VaultError("INVALID", `The name of ${path} does not tell the name of the session.`, {
      hint: "Name the session, such as `RemoteAuth-support`, or `Baileys-support` for a bot of Baileys.",
    });
  }
  const session = sessionName(given);
  checkSameKind(form === "multi-file" ? "Baileys-" : "RemoteAuth", session, `use ${path}`);
  return session;
}
