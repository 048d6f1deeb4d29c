import { invalidOption } from "../../errors.ts";
import { whole } from "../../vault/options.ts";
import { callListener, warningListener } from "../../warnings.ts";
import { isRegistered } from "../credentials.ts";
import { loadBaileys } from "../load-baileys.ts";
import { errorListener } from "../options.ts";
import { countByFamily, credsOf, ValueComparison } from "./auth-records.ts";
import { type AuthPlace, checkPlaces, type MultiFilePlace, type StatePlace, type StorePlace } from "./places.ts";
import type { MigrationProgress, MigrationRun } from "./sides.ts";

/** Options of {@link migrateAuthState}. */
export interface MigrateAuthStateOptions {
  /** Where the state is. It is only read; a session in a store is taken meanwhile. */
  from: AuthPlace;
  /** Where it shall be. */
  to: StorePlace | MultiFilePlace | StatePlace;
  /** How many records are read or set at once, where a place takes several. @default 100 */
  batchSize?: number | undefined;
  /** Whether records that `to` has already, with an equal value, are not written again. @default true */
  skipExisting?: boolean | undefined;
  /** Whether all is read again from `to`, and compared by value, before it becomes a session (in a store: right after). @default true */
  verify?: boolean | undefined;
  /** Told how far it is. */
  onProgress?: ((progress: MigrationProgress) => void) | undefined;
  /** Told of a store that is away while it is tried again. @default `process.emitWarning`, once a minute at most */
  onError?: ((error: unknown) => void) | undefined;
  /** As in `useVaultAuthState`. */
  baileys?: unknown;
  /** Ends the migration, with its reason: what was written so far is no session, unless the store takes it after all. */
  signal?: AbortSignal | undefined;
}

/** What {@link migrateAuthState} has done. */
export interface MigrateAuthStateResult {
  /** The credentials. */
  readonly creds: {
    /** Whether they were written: false when `to` had exactly this state already. */
    readonly copied: boolean;
    /** Whether a phone has linked the device. */
    readonly registered: boolean;
    /** The linked account, as Baileys keeps it. */
    readonly me?: { id: string; lid?: string; name?: string };
  };
  /** How many records the state has, by family. `to` has all of them. */
  readonly counts: Readonly<Record<string, number>>;
  /** What was not written. */
  readonly skipped: {
    /** Records that `to` had already, and that were not written again. */
    readonly existing: number;
    /** Names in the directory of `from` that are no files of Baileys; of directories with a slash. */
    readonly files: readonly string[];
  };
  /** Whether `to` was read, and has exactly this state. */
  readonly verified: boolean;
  /** For people: what is odd about the source, and what `to` cannot hold. */
  readonly warnings: readonly string[];
}

/**
 * Moves the authentication state of a bot: reads all of it, writes it beside what is in `to`, compares, looks whether `from`
 * has changed meanwhile, and only then makes it a session. Interrupted at any moment, `to` has the whole state or none; the
 * same call goes on. A state that `to` takes record by record (`{ state, saveCreds }`) gets its credentials last, and its
 * sessions after the mappings that they need. End the bot before.
 *
 * @throws `ABSENT` when there is no session in `from`; `CORRUPT` naming the file or the part of `from` that is damaged, or
 *   when `to` does not return what it was given; `CONFLICT` when `from` has changed meanwhile, or `to` has another session
 *   that is linked, or something else; `INVALID` when `to` cannot hold a value, or an option is wrong; `LEASE_HELD` when a bot
 *   has one of both open; `LEASE_LOST` when somebody has taken one of both meanwhile; `WRONG_KEY`, `DENIED` and `UNAVAILABLE`
 *   as a store or the disk says
 */
export async function migrateAuthState(options: MigrateAuthStateOptions): Promise<MigrateAuthStateResult> {
  const { run, warnings } = await checkRun(options);
  const { openSource, openTarget } = await checkPlaces(options.from, options.to);
  const source = openSource(run);
  try {
    const { records, skipped } = await source.read();
    const target = openTarget(run);
    try {
      const creds = credsOf(records, source.label);
      const registered = isRegistered(creds);
      if (!registered) run.warn(notLinked(source.label, countByFamily(records)));
      const { isWritten, existing, isVerified } = await target.write(records, () => source.assertUnchanged());
      return {
        creds: { copied: isWritten, registered, ...(registered ? { me: creds.me } : {}) },
        counts: countByFamily(records),
        skipped: { existing, files: skipped },
        verified: isVerified,
        warnings,
      };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** @param counts records by family */
function notLinked(label: string, { session = 0 }: Record<string, number>): string {
  const lost = "They may have taken the place of damaged ones: look for a copy of those.";
  const others = session > 0 ? `, and ${session} sessions of a device that was are there. ${lost}` : "";
  return `The credentials of ${label} are not linked to a phone${others || ": the bot will ask for a link."}`;
}

/** @throws `INVALID` naming the first option that is wrong */
async function checkRun(options: MigrateAuthStateOptions): Promise<{ run: MigrationRun; warnings: string[] }> {
  const {
    batchSize,
    skipExisting = true,
    verify = true,
    onProgress,
    onError,
    signal,
  } = Object(options) as MigrateAuthStateOptions;
  for (const [name, value] of Object.entries({ skipExisting, verify })) {
    if (typeof value !== "boolean") throw invalidOption(name, "a boolean", value);
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw invalidOption("onProgress", "a function", onProgress);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidOption("signal", "an AbortSignal", signal);
  signal?.throwIfAborted();
  const warnings: string[] = [];
  const size = whole("batchSize", batchSize, 100, 1);
  const listener = errorListener(onError, warningListener(undefined));
  const baileys = await loadBaileys(options.baileys);
  const run: MigrationRun = {
    baileys,
    values: new ValueComparison(baileys),
    batchSize: size,
    skipExisting,
    verify,
    signal,
    onError: listener,
    tell: (progress) => {
      if (onProgress) callListener(() => onProgress(progress));
    },
    warn: (message) => warnings.push(message),
  };
  return { run, warnings };
}
