import { forEachConcurrent, Semaphore } from "../async/semaphore.ts";
import { withTemporary } from "../disk/temporary.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { sessionProblem, verifyProfile } from "../profile/verify.ts";
import type { GenerationCheck } from "../store.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { VaultContext } from "./context.ts";
import { currentOf, entryOf, type Generation, generationInfo, type LogState } from "./entry.ts";
import { manifestOf } from "./generations.ts";
import { chunkKey } from "./layout.ts";
import { logOf, type SessionLog } from "./log.ts";
import { CHECKS, type Chunk, type Manifest, type Piece } from "./manifest.ts";
import { readGeneration } from "./records/read-records.ts";
import { writeProfile } from "./write-profile.ts";

/** Contents in memory at once, beside the chunks that are fetched. */
const CONTENTS_AT_ONCE = 3;
/** What is wrong with one generation, and says nothing of the others or of the store. */
const OF_ONE = ["CORRUPT", "WRONG_KEY", "INVALID", "ABSENT"] as const;

/** How the generations of a session are verified. */
export interface VerifyGenerations {
  /** Whether every generation that is kept is checked, newest first. @default false, the current one */
  readonly all?: boolean | undefined;
  /** Whether databases are verified that were verified before they were stored. @default false */
  readonly deep?: boolean | undefined;
  /** Told how far the check is. */
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
  /** Ends the check, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How far the check of one generation is. */
export interface VerifyProgress {
  /** Number of the generation. */
  readonly generation: number;
  /** How many of its chunks were checked. */
  readonly chunks: number;
  /** How many chunks it needs. */
  readonly ofChunks: number;
}

/** Checks the generations of a session, newest first; nothing is yielded for one that is removed meanwhile. */
export async function* verifyGenerations(
  context: VaultContext,
  session: string,
  options: VerifyGenerations,
): AsyncGenerator<GenerationCheck> {
  const log = logOf(context, session);
  const state = await log.newest(options.signal);
  if (!state) return;
  const current = currentOf(state);
  const wanted = options.all === true ? [...state.live].reverse() : current ? [current] : [];
  const work = new Verification(context, log, options);
  for (let next = wanted.shift(); next; next = wanted.shift()) {
    const check = await work.check(state, next);
    if (check.problem?.code !== "CORRUPT" || (await isStillKept(log, next, options.signal))) {
      yield check;
    } else if (!options.all) {
      // The holder has saved since, and pruned what was to be read: the one that is current now is meant.
      yield* verifyGenerations(context, session, options);
    }
  }
}

async function isStillKept(log: SessionLog, generation: Generation, signal?: AbortSignal): Promise<boolean> {
  const newest = await log.newest(signal);
  const { id } = entryOf(generation);
  return newest?.live.some((one) => one.n === generation.n && entryOf(one).id === id) === true;
}

/** One call: what generations share is read once. */
class Verification {
  readonly #context: VaultContext;
  readonly #log: SessionLog;
  readonly #options: VerifyGenerations;
  readonly #contents = new Semaphore(CONTENTS_AT_ONCE);
  /** Pieces that were read and found good, by chunk. */
  readonly #good = new Map<string, Set<string>>();

  constructor(context: VaultContext, log: SessionLog, options: VerifyGenerations) {
    this.#context = context;
    this.#log = log;
    this.#options = options;
  }

  async check(state: LogState, generation: Generation): Promise<GenerationCheck> {
    const { signal } = this.#options;
    const found = {
      generation: generationInfo(generation, state.since),
      isCurrent: generation.n === state.content,
      chunks: 0,
      damagedChunks: 0,
    };
    try {
      if (state.records) {
        const { segments } = await readGeneration(this.#context, this.#log, state, generation, signal);
        return { ...found, chunks: segments.reduce((sum, { parts }) => sum + parts.length, 0) };
      }
      return { ...found, ...(await this.#profile(generation)) };
    } catch (error) {
      signal?.throwIfAborted();
      if (!OF_ONE.some((code) => isVaultError(error, code))) throw error;
      return { ...found, problem: error as VaultError };
    }
  }

  async #profile(generation: Generation): Promise<Partial<GenerationCheck>> {
    const { signal, deep = false } = this.#options;
    const stored = entryOf(generation);
    const entry = await this.#log.read(stored.n, signal);
    const isRight = entry?.id === stored.id;
    const manifest = isRight ? await manifestOf(this.#context, this.#log.session, entry, signal) : undefined;
    const which = `generation ${generation.n} of ${this.#log.session}`;
    if (!manifest) throw new VaultError("CORRUPT", `Could not read ${which}: it is missing from its log.`);
    const chunks = await this.#chunks(generation.n, manifest);
    if (chunks.problem) return chunks;
    // The hashes have shown that these are the bytes of databases that were verified before they were stored.
    if (manifest.verified === CHECKS && !deep) return { ...chunks, databases: "before" };
    const problem = await this.#databases(manifest);
    if (problem === undefined) return { ...chunks, databases: "now" };
    return { ...chunks, problem: new VaultError("CORRUPT", `The profile of ${which} does not verify: ${problem}.`) };
  }

  /** Reads every chunk, also after one that is damaged. */
  async #chunks(
    generation: number,
    manifest: Manifest,
  ): Promise<Pick<GenerationCheck, "chunks" | "damagedChunks" | "problem">> {
    const { signal, onProgress } = this.#options;
    const reader = new ChunkReader(this.#context, this.#log.session);
    const wanted = piecesByChunk(manifest);
    let read = 0;
    let problem: VaultError | undefined;
    let damagedChunks = 0;
    const check = async ([chunk, pieces]: [Chunk, Piece[]], stop: AbortSignal): Promise<void> => {
      const key = chunkKey(this.#log.session, chunk);
      const known = this.#good.get(key);
      const unknown = pieces.filter((piece) => !known?.has(nameOf(piece)));
      try {
        if (unknown.length > 0) {
          await reader.use(chunk, { pieces: unknown, contents: this.#contents, signal: stop }, async () => {});
        }
        this.#good.set(key, new Set([...(known ?? []), ...unknown.map(nameOf)]));
      } catch (error) {
        if (!isVaultError(error, "CORRUPT") && !isVaultError(error, "WRONG_KEY")) throw error;
        damagedChunks++;
        problem ??= error;
      }
      onProgress?.({ generation, chunks: ++read, ofChunks: wanted.size });
    };
    await forEachConcurrent(wanted, this.#context.chunkPermits, check, signal);
    return { chunks: wanted.size, damagedChunks, ...(problem ? { problem } : {}) };
  }

  /** What is wrong with the databases of the profile: written to a folder for it, which is removed. */
  async #databases(manifest: Manifest): Promise<string | undefined> {
    const { signal } = this.#options;
    return await withTemporary(async (folder) => {
      const reader = new ChunkReader(this.#context, this.#log.session);
      await writeProfile(manifest, folder, reader, { permits: this.#context.chunkPermits, signal });
      return sessionProblem(await verifyProfile(folder, { signal }));
    });
  }
}

function piecesByChunk({ files }: Manifest): Map<Chunk, Piece[]> {
  const pieces = new Map<Chunk, Piece[]>();
  for (const file of files) {
    for (const piece of file.pieces) {
      const known = pieces.get(piece.chunk);
      if (known) known.push(piece);
      else pieces.set(piece.chunk, [piece]);
    }
  }
  return pieces;
}

function nameOf({ offset, bytes, hash }: Piece): string {
  return `${offset} ${bytes} ${hash}`;
}
