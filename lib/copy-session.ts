import { copyRecords } from "./copy-session/copy-records.ts";
import { ZipCopy } from "./copy-session/copy-zip.ts";
import { type GenerationName, StoreCalls } from "./copy-session/store-calls.ts";
import { tell } from "./diagnostics/channels.ts";
import { kindOf, observe } from "./diagnostics/observe.ts";
import { makeTemporary, removeTemporary } from "./disk/temporary.ts";
import type { RestoreReport, SessionStore } from "./store.ts";
import { sessionName } from "./vault/layout.ts";

/** What {@link copySession} takes. */
export interface CopySessionOptions {
  /** Any store with whatsapp-web.js's four methods; nothing is ever written to it. */
  from: SessionStore;
  /** Any store with whatsapp-web.js's four methods; a store of this package for a session of Baileys. */
  to: SessionStore;
  /** Name of the session, e.g. `RemoteAuth-support` or `Baileys-support`. */
  session: string;
  /** Name of the session in `from`. @default `session`, else the path that whatsapp-web.js 1.34.5 and 1.34.6 made of it */
  fromSession?: string | undefined;
  /** Data path of the bot that saved it: those two versions made it a part of the name. @default "./.wwebjs_auth/" */
  dataPath?: string | undefined;
  /** Makes it the current version also where `to` has the session already. @default false */
  replace?: boolean | undefined;
  /** With `replace`, also where the session in `to` is that of another phone. @default false */
  otherPhone?: boolean | undefined;
  /** Copies an older version when the newest one of `from` is not whole. @default false */
  allowOlder?: boolean | undefined;
  /**
   * Copies a session of Baileys although a process has it in `from`: one that is gone for certain. Two bots that run one
   * session break it. @default false
   */
  force?: boolean | undefined;
  /** Told at the beginning of each step. */
  onProgress?: ((progress: CopyProgress) => void) | undefined;
  /** Ends the copy at once, with its reason; a call that a store has not answered by then may still take effect. */
  signal?: AbortSignal | undefined;
}

/** How far a copy is. */
export interface CopyProgress {
  /** The step that begins. */
  readonly step: "reading" | "checking" | "writing" | "comparing";
  /** Name of the session in `to`. */
  readonly session: string;
  /** Files of the profile, or records, once they are known. */
  readonly files?: number;
  /** Bytes of the profile, or of the values of the records, once they are known. */
  readonly bytes?: number;
}

/** The result of a copy. */
export interface CopyReport {
  /** Name of the session in `to`. */
  readonly session: string;
  /** Name of the session in `from`. */
  readonly fromSession: string;
  /** How many files, or records, the session has. */
  readonly files: number;
  /** Bytes of the files, or of the values of the records. */
  readonly bytes: number;
  /** With `force`, the process that had the session in `from` (`host:pid`). */
  readonly heldBy?: string;
  /** `to` had exactly this already: nothing was written. */
  readonly unchanged: boolean;
  /** Newer versions of `from` that were not whole; empty without `allowOlder`. */
  readonly skipped: RestoreReport["skipped"];
  /** How long the copy took, in milliseconds. */
  readonly ms: number;
}

/**
 * Copies a session from one store to another: reads it, checks that Chromium would open it, writes it, reads it back and
 * compares every file, or every record. The source is left alone. The target has all of a session of Baileys at once, or
 * is as it was; what was replaced stays as a generation of an earlier link, which `peekRecords` reads and `exportSession` exports.
 * @throws `ABSENT` when `from` does not have the session; `CORRUPT` when its profile does not verify, or its newest version
 *   is not whole and `allowOlder` is not set (nothing is written then), or `to` returned other files than it was given;
 *   `CONFLICT` when `to` has another version and `replace` is not set, or the session of another phone and `otherPhone` is
 *   not set (where both sessions tell whose they are), or somebody has stored one there meanwhile, or `from` has the session
 *   under two names;
 *   `LEASE_HELD` when a process has the session in `to`, or one of Baileys in `from` (nothing is written then);
 *   `INVALID` when `to` cannot keep a session of Baileys; `UNAVAILABLE` when a store fails;
 *   `CANCELLED` when a store says that its call was aborted; the reason of `signal`.
 */
export async function copySession(options: CopySessionOptions): Promise<CopyReport> {
  return (await copyToGeneration(options)).report;
}

/** A copy, and where it is. */
export interface Copied {
  readonly report: CopyReport;
  /** The generation of the target that was compared with the source; `undefined` where the target does not tell it. */
  readonly generation?: GenerationName | undefined;
  /** The generation of the source that was copied; `undefined` for records, and where the source does not tell it. */
  readonly source?: GenerationName | undefined;
}

/** As {@link copySession}. */
export async function copyToGeneration(options: CopySessionOptions): Promise<Copied> {
  options.signal?.throwIfAborted();
  const { from, to, signal } = options;
  const place = { session: sessionName(options.session), store: kindOf(to), signal };
  const copy = (): Promise<Copied> => copyOnce(options);
  return await observe("copy", place, copy, ({ report }, call) => {
    const { fromSession, unchanged, files, bytes, skipped } = report;
    const told = { ...call, fromSession, fromStore: kindOf(from), unchanged, files, bytes };
    tell("copy", () => ({ ...told, skipped: skipped.map((one) => ({ ...one })) }));
  });
}

async function copyOnce(options: CopySessionOptions): Promise<Copied> {
  const calls = new StoreCalls(sessionName(options.session), options.signal);
  const report = await copyRecords(options, calls);
  if (report) return { report };
  const directory = await makeTemporary();
  try {
    return await new ZipCopy(options, directory, calls).run();
  } finally {
    // A store that is not waited for any more still reads or writes there.
    await calls.afterAnswers(() => removeTemporary(directory));
  }
}
