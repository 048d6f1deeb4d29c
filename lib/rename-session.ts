import { markProven, markRejected } from "./copy-session/mark-proven.ts";
import { type Copied, type CopyProgress, type CopyReport, copyToGeneration } from "./copy-session.ts";
import { kindOf, observe } from "./diagnostics/observe.ts";
import { isVaultError, VaultError } from "./errors.ts";
import { otherSessions } from "./other-sessions.ts";
import { type GenerationInfo, isProfileStore, type Lease, type ProfileStore, type SessionState } from "./store.ts";
import { sessionName } from "./vault/layout.ts";

/** What {@link renameSession} takes. */
export interface RenameSessionOptions {
  /** A store of this package, or one like it: it must have leases. */
  store: ProfileStore;
  /** Name of the session now, e.g. `RemoteAuth-support`. */
  session: string;
  /** Its new name, which begins as the old one: with `RemoteAuth` or `Baileys-`. */
  newSession: string;
  /** How long to wait for a bot that has the session, in milliseconds. @default 0 */
  waitMs?: number | undefined;
  /** Told at the beginning of each step of the copy. */
  onProgress?: ((progress: CopyProgress) => void) | undefined;
  /** Ends the rename at once, with its reason; a call that the store has not answered by then may still take effect. */
  signal?: AbortSignal | undefined;
}

/** The result of a rename. */
export type RenameReport = Pick<CopyReport, "session" | "fromSession" | "files" | "bytes" | "ms">;

/**
 * Gives a session another name in its store: takes it, so that no bot can start it meanwhile, copies it as
 * {@link copySession} does, compares all of it, and only then deletes it under the old name, softly. Whatever ends it before
 * leaves the session whole under the old name; called again, it goes on. Generations before the current one stay under the
 * old name, and go with it: so a session that WhatsApp has refused, and that would go back to an older generation by
 * itself, is not renamed. That the current generation was proven, or refused, is said of the copy as well.
 * @throws `LEASE_HELD` when a bot has the session; `CONFLICT` when the store has another session of the new name; `ABSENT`
 *   when it has none of the old one; `INVALID` for names that no bot would find, for a store without leases, and while an
 *   older generation is better than the current one; else as {@link copySession}. Nothing is deleted then.
 */
export async function renameSession(options: RenameSessionOptions): Promise<RenameReport> {
  const { store, signal } = options;
  const [session, newSession] = [sessionName(options.session), sessionName(options.newSession)];
  checkNames(session, newSession);
  if (!isProfileStore(store)) {
    throw new VaultError("INVALID", `Could not rename ${session}: the store has no leases.`, {
      hint: "Stop the bot, copy the session with `copySession`, and delete it under the old name.",
    });
  }
  const place = { session, store: kindOf(store), signal };
  return await observe("rename", place, () => rename(options, session, newSession));
}

async function rename(options: RenameSessionOptions, session: string, newSession: string): Promise<RenameReport> {
  const { store, signal } = options;
  const call = { session, ...(signal ? { signal } : {}) };
  const began = performance.now();
  await checkThere(store, call);
  const lease = await store.acquire(options.waitMs === undefined ? call : { ...call, waitMs: options.waitMs });
  try {
    const state = await store.state(call);
    refuseRejected(session, state);
    const copied = await copy(options, session, newSession);
    const { proven, rejected } = state?.current ?? {};
    if (proven && !rejected) await markProven(store, newSession, copied, signal);
    if (rejected) await markRejected(store, newSession, copied, signal);
    await remove(store, call, lease, newSession);
    const { files, bytes } = copied.report;
    return { session: newSession, fromSession: session, files, bytes, ms: performance.now() - began };
  } finally {
    await lease.release();
  }
}

/** What a bot of this kind finds: the beginning of its names; `undefined` for names of no bot. */
function beginningOf(name: string): string | undefined {
  return /^(?:RemoteAuth(?=-|$)|Baileys-)/.exec(name)?.[0];
}

function checkNames(session: string, newSession: string): void {
  const failed = `Could not rename ${session}`;
  if (session === newSession) throw new VaultError("INVALID", `${failed}: the new name is the old one.`);
  const beginning = beginningOf(session);
  if (beginning === beginningOf(newSession)) return;
  throw new VaultError("INVALID", `${failed} to ${newSession}: the bots of the one are not those of the other.`, {
    hint: "Sessions of whatsapp-web.js are named `RemoteAuth-<clientId>` or `RemoteAuth`, those of Baileys `Baileys-<session>`.",
  });
}

/** A name that was never written stays unknown. @throws `ABSENT` */
async function checkThere(store: ProfileStore, call: { session: string; signal?: AbortSignal }): Promise<void> {
  const { session, signal } = call;
  const { current, deleted } = (await store.state(call)) ?? {};
  if (current) return;
  if (deleted) {
    throw new VaultError("ABSENT", `Could not rename ${session}: it was deleted at ${deleted.at.toISOString()}.`, {
      hint: "A rename deletes the old name: it may have been renamed already. `undelete` brings it back.",
    });
  }
  const others = await otherSessions(store, session, { signal });
  const hint = others === undefined ? {} : { hint: `The store has ${others}.` };
  throw new VaultError("ABSENT", `Could not rename ${session}: there is no such session.`, hint);
}

/** Only the current generation is copied: those that a start would go back to must not be left behind. @throws `INVALID` */
function refuseRejected(session: string, state: SessionState | undefined): void {
  const { current, generations = [] } = state ?? {};
  if (!current?.rejected) return;
  const isBetter = ({ rejected, suspect, beforeDeletion }: GenerationInfo): boolean =>
    !rejected && !suspect && !beforeDeletion;
  const better = generations.findLast((one) => one.proven && isBetter(one)) ?? generations.findLast(isBetter);
  if (!better) return;
  const { generation } = current;
  throw new VaultError("INVALID", `Could not rename ${session}: WhatsApp has refused its generation ${generation}.`, {
    hint:
      "Nothing was changed. Start the bot once: it goes back to an older generation by itself. Or roll the session back to " +
      `generation ${better.generation}. Then rename it.`,
  });
}

/** The lease is ours: the copy need not ask who has the session. */
async function copy(options: RenameSessionOptions, fromSession: string, session: string): Promise<Copied> {
  const { store, onProgress, signal } = options;
  try {
    return await copyToGeneration({ from: store, to: store, session, fromSession, force: true, onProgress, signal });
  } catch (cause) {
    if (!isVaultError(cause, "CONFLICT")) throw cause;
    throw new VaultError("CONFLICT", `Could not rename ${fromSession}: there is another session ${session}.`, {
      cause,
      hint: "Nothing was changed. Choose another name, or delete that session first.",
    });
  }
}

async function remove(
  store: ProfileStore,
  call: { session: string; signal?: AbortSignal },
  lease: Lease,
  newSession: string,
): Promise<void> {
  try {
    await store.delete({ ...call, lease });
  } catch (cause) {
    if (!isVaultError(cause)) throw cause;
    const { code, message } = cause;
    throw new VaultError(code, `${newSession} was written, and ${call.session} could not be deleted: ${message}`, {
      cause,
      hint: "Both names have the session now. Start no bot before the old name is gone: call `renameSession` again.",
    });
  }
}
