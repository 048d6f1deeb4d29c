import { isVaultError, VaultError } from "../errors.ts";
import { firstProblem, verifyProfile } from "../profile/verify.ts";
import type { ProfileFacts, RestoreReport } from "../store.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { VaultContext } from "./context.ts";
import type { Generation, LogState } from "./entry.ts";
import { manifestOf } from "./generations.ts";
import { SessionLog } from "./log.ts";
import { bytesOf, type Manifest } from "./manifest.ts";
import { isGood } from "./retention.ts";
import { claimDirectory, emptyDirectory, writeProfile } from "./write-profile.ts";

/** How often a restore starts at most: again when the generation it read was pruned meanwhile. */
const STARTS = 5;

/** What {@link restoreGeneration} takes. */
export interface RestoreOptions {
  readonly session: string;
  readonly into: string;
  readonly generation?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Writes a generation into an empty directory and verifies it. */
export async function restoreGeneration(context: VaultContext, options: RestoreOptions): Promise<RestoreReport> {
  const { session, into, signal } = options;
  const began = performance.now();
  const log = new SessionLog(context.blobs, session);
  const reader = new ChunkReader(context, session);
  let state = presentState(session, await log.newest(signal));
  await claimDirectory(into);
  const skipped: { generation: number; code: string; error: unknown }[] = [];
  let starts = 1;
  let candidates = candidatesOf(session, state, options.generation);
  for (let candidate = candidates.shift(); candidate; candidate = candidates.shift()) {
    try {
      const named = options.generation !== undefined;
      const { manifest, profile } = await restoreOne(context, log, reader, candidate, { into, signal, named });
      return {
        generation: candidate.n,
        id: candidate.id,
        files: manifest.files.length,
        bytes: bytesOf(manifest),
        bytesReceived: reader.bytesReceived,
        ms: Math.round(performance.now() - began),
        skipped: skipped.map(({ generation, code }) => ({ generation, code })),
        profile,
      };
    } catch (error) {
      if (!isVaultError(error, "CORRUPT")) throw error;
      await emptyDirectory(into);
      const { n, id } = candidate;
      const newer = presentState(session, await log.newest(signal));
      if (starts < STARTS && !newer.live.some((generation) => generation.n === n && generation.id === id)) {
        // Not damaged: the holder of the session has pruned the generation while it was read.
        starts++;
        state = newer;
        skipped.length = 0;
        candidates = candidatesOf(session, state, options.generation);
      } else {
        skipped.push({ generation: n, code: error.code, error });
      }
    }
  }
  throw nothingLeft(session, state, skipped, options.generation);
}

/** @throws `ABSENT` when there is no session. */
export function presentState<T extends LogState>(session: string, state: T | undefined): T {
  if (!state || state.content === 0) throw new VaultError("ABSENT", `There is no session ${session} in this store.`);
  if (!state.deleted) return state;
  throw new VaultError("ABSENT", `The session ${session} was deleted on ${new Date(state.deleted.at).toISOString()}.`, {
    hint: "`undelete` brings it back, until `retainMs` after the deletion.",
  });
}

/**
 * The generations to try, in order: the named one alone; or the current one, then older ones of the same phone and link,
 * proven ones first. A rejected or suspect generation is restored by name or as the current one only.
 */
function candidatesOf(
  session: string,
  { content, live, since = 0 }: LogState,
  named: number | undefined,
): Generation[] {
  const first = live.find(({ n }) => n === (named ?? content));
  if (!first) {
    throw new VaultError(
      "ABSENT",
      `There is no generation ${named ?? content} of ${session}; kept are ${live.map(({ n }) => n).join(", ")}.`,
    );
  }
  if (named !== undefined) return [first];
  const older = live
    .filter((one) => one.n >= since && one.n < content && one.pairing === first.pairing && isGood(one))
    .reverse();
  return [first, ...older.filter(({ proven }) => proven), ...older.filter(({ proven }) => !proven)];
}

async function restoreOne(
  context: VaultContext,
  log: SessionLog,
  reader: ChunkReader,
  { n, id, suspect }: Generation,
  { into, signal, named }: { into: string; signal: AbortSignal | undefined; named: boolean },
): Promise<{ manifest: Manifest; profile: ProfileFacts }> {
  const entry = await log.read(n, signal);
  const manifest = entry?.id === id ? await manifestOf(context, log.session, entry, signal) : undefined;
  if (!manifest)
    throw new VaultError("CORRUPT", `Could not restore generation ${n} of ${log.session}: it is missing from its log.`);
  await writeProfile(manifest, into, reader, { permits: context.chunkPermits, signal });
  const report = await verifyProfile(into, signal ? { signal } : {});
  const problem = firstProblem(report);
  // A caller that names a suspect generation wants it as it is.
  if (problem !== undefined && !(named && suspect)) {
    throw new VaultError(
      "CORRUPT",
      `Could not restore generation ${n} of ${log.session}, which does not verify: ${problem}.`,
    );
  }
  return { manifest, profile: { ...report.profile, ...manifest.profile } };
}

function nothingLeft(
  session: string,
  { live }: LogState,
  skipped: readonly { generation: number; error: unknown }[],
  named: number | undefined,
): unknown {
  const [first] = skipped;
  if (named !== undefined) return first?.error;
  const tried = new Set(skipped.map(({ generation }) => generation));
  const others = live.filter(({ n }) => !tried.has(n)).map(({ n }) => n);
  return new VaultError(
    "CORRUPT",
    `Could not restore ${session}: no generation is whole (tried ${[...tried].join(", ")}).`,
    {
      cause: first?.error,
      ...(others.length > 0 ? { hint: `Generations ${others.join(", ")} can be restored by number.` } : {}),
    },
  );
}
