import { HOW_TO_ZIP } from "../archive/errors.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { sessionProblem, verifyProfile } from "../profile/verify.ts";
import type { ProfileFacts, RestoreProfileOptions, RestoreReport } from "../store.ts";
import { AbsentSession } from "./absent-session.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { VaultContext } from "./context.ts";
import { entryOf, type Generation, keptGeneration, type LogState } from "./entry.ts";
import { manifestOf } from "./generations.ts";
import { logOf, type SessionLog } from "./log.ts";
import { bytesOf, CHECKS, type Manifest } from "./manifest.ts";
import { isGood } from "./retention.ts";
import { claimDirectory, emptyDirectory, writeProfile } from "./write-profile.ts";

const WITHOUT_STORAGE = `It came in as a zip of something else than a profile: save a right one. ${HOW_TO_ZIP} Or \`delete\` the session to link the device again.`;

/** How often a restore starts at most: again when the generation it read was pruned meanwhile. */
const STARTS = 5;

/** Writes a generation into an empty directory and verifies it. */
export async function restoreGeneration(context: VaultContext, options: RestoreProfileOptions): Promise<RestoreReport> {
  const { session, into, generation: named, signal } = options;
  const began = performance.now();
  const log = logOf(context, session);
  const reader = new ChunkReader(context, session);
  let state = presentState(session, await log.newest(signal));
  await claimDirectory(into);
  const skipped: Skipped[] = [];
  let starts = 1;
  let candidates = candidatesOf(session, state, named);
  for (let candidate = candidates.shift(); candidate; candidate = candidates.shift()) {
    try {
      const { manifest, profile } = await restoreOne(context, log, reader, candidate, options);
      return {
        generation: candidate.n,
        id: candidate.id,
        files: manifest.files.length,
        bytes: bytesOf(manifest),
        bytesReceived: reader.bytesReceived,
        ms: Math.round(performance.now() - began),
        skipped: skipped.map(({ generation, error }) => ({ generation, code: error.code })),
        profile,
        isOnDisk: true,
      };
    } catch (error) {
      const { n } = candidate;
      // Without the key of the current generation nothing is restored in its place.
      const isKeyOfOlder = isVaultError(error, "WRONG_KEY") && n !== state.content && named === undefined;
      if (!isVaultError(error, "CORRUPT") && !isKeyOfOlder) throw error;
      await emptyDirectory(into);
      const { id } = entryOf(candidate);
      const newer = presentState(session, await log.newest(signal));
      if (starts < STARTS && !newer.live.some((one) => one.n === n && entryOf(one).id === id)) {
        // Not damaged: the holder of the session has pruned the generation while it was read.
        starts++;
        state = newer;
        skipped.length = 0;
        candidates = candidatesOf(session, state, named);
      } else {
        skipped.push({ generation: n, error });
      }
    }
  }
  throw nothingLeft(session, state, skipped, named);
}

interface Skipped {
  readonly generation: number;
  readonly error: VaultError;
}

/** @throws `INVALID` when the session consists of records. */
export function refuseRecords(session: string, state: LogState | undefined): void {
  if (!state?.records) return;
  const why = "it is a session of Baileys, and has records";
  throw new VaultError("INVALID", `Could not use ${session} as the session of a browser: ${why}.`, {
    hint: "Open it with `useVaultAuthState`. A browser needs a session of another name.",
  });
}

/** @throws `INVALID` when the session consists of records: only their newest state is good. */
export function refuseRollback(session: string, { records }: LogState): void {
  if (!records) return;
  throw new VaultError(
    "INVALID",
    `Could not roll ${session} back: it is a session of Baileys, and a rollback would use sending counters again.`,
    {
      hint: "Contacts drop messages with a counter that they have seen, and nobody is told. `undelete` takes a deletion back, `exportSession` takes out an earlier link that was replaced; else link again.",
    },
  );
}

/** @throws `ABSENT` when there is no session; `INVALID` when it consists of records. */
export function presentState<T extends LogState>(session: string, state: T | undefined): T {
  refuseRecords(session, state);
  if (!state || state.content === 0) throw new AbsentSession(`There is no session ${session} in this store.`);
  if (!state.deleted) return state;
  throw new VaultError("ABSENT", `The session ${session} was deleted on ${new Date(state.deleted.at).toISOString()}.`, {
    hint: "`undelete` brings it back, until `retainMs` after the deletion.",
  });
}

/**
 * The generations to try, in order: the named one alone; or the current one, then older ones of the same phone and link,
 * proven ones first. A rejected or suspect generation is restored by name or as the current one only, and so is an
 * unencrypted one after an encrypted one: anybody who can write to the store could have made it.
 */
export function candidatesOf(session: string, state: LogState, named: number | undefined): Generation[] {
  const { content, live, since = 0 } = state;
  const first = keptGeneration(session, state, named ?? content);
  if (named !== undefined) return [first];
  const older = live
    .filter(
      (one) =>
        one.n >= since && one.n < content && one.pairing === first.pairing && isGood(one) && isAsSafe(one, first),
    )
    .reverse();
  return [first, ...older.filter(({ proven }) => proven), ...older.filter(({ proven }) => !proven)];
}

function isAsSafe(one: Generation, first: Generation): boolean {
  return one.key !== undefined || first.key === undefined;
}

async function restoreOne(
  context: VaultContext,
  log: SessionLog,
  reader: ChunkReader,
  generation: Generation,
  { into, generation: named, signal }: RestoreProfileOptions,
): Promise<{ manifest: Manifest; profile: ProfileFacts }> {
  const { n, suspect } = generation;
  const stored = entryOf(generation);
  const entry = await log.read(stored.n, signal);
  const manifest = entry?.id === stored.id ? await manifestOf(context, log.session, entry, signal) : undefined;
  const failed = `Could not restore generation ${n} of ${log.session}`;
  if (!manifest) throw new VaultError("CORRUPT", `${failed}: it is missing from its log.`);
  await writeProfile(manifest, into, reader, { permits: context.chunkPermits, signal });
  // The hashes have proven that these are the bytes of a capture that was verified.
  const report = await verifyProfile(into, { signal, isVerified: manifest.verified === CHECKS });
  // A browser shows a QR for a profile without storage of the site, as if nothing were stored.
  const problem = sessionProblem(report);
  // A caller that names a suspect generation wants it as it is.
  if (problem !== undefined && !(named !== undefined && suspect)) {
    const message = `${failed}, which does not verify: ${problem}.`;
    throw new VaultError("CORRUPT", message, report.empty ? { hint: WITHOUT_STORAGE } : {});
  }
  return { manifest, profile: { ...report.profile, ...manifest.profile } };
}

function nothingLeft(
  session: string,
  { live }: LogState,
  skipped: readonly Skipped[],
  named: number | undefined,
): unknown {
  const [first] = skipped;
  if (named !== undefined) return first?.error;
  const tried = new Set(skipped.map(({ generation }) => generation));
  const others = live.filter(({ n }) => !tried.has(n)).map(({ n }) => n);
  const message = `Could not restore ${session}: no generation is whole (tried ${[...tried].join(", ")}).`;
  const unread = skipped.find(({ error }) => error.code === "WRONG_KEY")?.error;
  if (unread) throw new VaultError("WRONG_KEY", `${message} ${unread.message}`, { cause: unread, hint: unread.hint });
  const byNumber = others.length > 0 ? [`Generations ${others.join(", ")} can be restored by number.`] : [];
  const hints = [...byNumber, ...(first?.error.hint === undefined ? [] : [first.error.hint])];
  return new VaultError("CORRUPT", message, {
    cause: first?.error,
    ...(hints.length > 0 ? { hint: hints.join(" ") } : {}),
  });
}
