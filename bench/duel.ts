import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Figures, mean, noSamples, type Samples, type Side, sides } from "./figures.ts";
import { assertSameBytes } from "./same-bytes.ts";
import { advance, type Series } from "./series.ts";
import { alone, inTurn, withSideWorkers } from "./side-workers.ts";
import type { StartedStore, StoreSpec } from "./stores.ts";
import { savesUnderLoad } from "./under-load.ts";
import type { WorkerOptions } from "./worker-process.ts";

export interface DuelOptions extends WorkerOptions {
  readonly series: Series;
  /** How many sessions one process has; all do the same at once. */
  readonly sessions: number;
  readonly runs: number;
  readonly store: StartedStore;
  /** An empty folder; its files are removed. */
  readonly folder: string;
  /** Whether a save is measured while the page of a running browser writes; of one session only. @default true */
  readonly underLoad?: boolean;
  readonly log: (line: string) => void;
}

/** One run of a duel. */
interface Run extends DuelOptions {
  /** The number of the run, from 0 on. */
  readonly turn: number;
  readonly stores: Readonly<Record<Side, StoreSpec>>;
  /** Directories of the profiles in a data path. */
  readonly names: readonly string[];
  readonly samples: Samples;
}

/** A file of which a change could hide in the same tick of the clock is read again; saves are minutes apart. */
const SETTLE_MS = 2_200;

/** All sides on the same profiles, step by step in turn. @throws when a side does not restore the saved bytes. */
export async function duel(options: DuelOptions): Promise<Samples> {
  const { sessions, underLoad = true } = options;
  const samples = noSamples();
  const names = Array.from({ length: sessions }, (_, index) => `RemoteAuth-s${index + 1}`);
  for (let turn = 0; turn < options.runs; turn++) {
    const folder = join(options.folder, `run-${turn}`);
    try {
      const stores = await freshStores(options.store, join(folder, "limit"));
      const run = { ...options, folder, turn, stores, names, samples };
      await saves(run);
      await keptStarts(run);
      await restores(run);
      if (underLoad && sessions === 1)
        await savesUnderLoad({ ...run, stores: await freshStores(options.store, folder) });
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
    options.log(`run ${turn + 1} of ${options.runs} done`);
  }
  return samples;
}

/** The limit is that of a disk, whatever the store is. */
async function freshStores(store: StartedStore, directory: string): Promise<Record<Side, StoreSpec>> {
  return { shipped: await store.fresh(), ours: await store.fresh(), limit: { kind: "file", directory } };
}

/** The states of the series, one after the other, in one process for each side. */
async function saves(run: Run): Promise<void> {
  const { series, names, turn, samples } = run;
  const dataPath = profilesOf(run);
  await mkdir(dataPath, { recursive: true });
  await withSideWorkers({ ...run, dataPath: () => dataPath, compresses: true }, async (workers) => {
    const later: Record<Side, Figures[]> = { shipped: [], ours: [], limit: [] };
    for (const [index, state] of series.states.entries()) {
      for (const name of names) await advance(join(dataPath, name), state);
      await sleep(SETTLE_MS);
      for (const side of inTurn(turn + index)) {
        const figures = await alone(workers[side], "save", dataPath);
        (index === 0 ? samples[side]["first save"] : later[side]).push(figures);
      }
    }
    for (const side of inTurn(turn)) {
      if (later[side].length > 0) samples[side]["later save"].push(mean(later[side]));
      samples[side]["no-change save"].push(await alone(workers[side], "save", dataPath));
    }
  });
}

/** A new process on the profiles that were saved last, as after a new version of a bot with a volume. */
async function keptStarts(run: Run): Promise<void> {
  const { series, names, turn, samples, folder } = run;
  const [kept, copies] = [profilesOf(run), join(folder, "profiles-shipped")];
  // The shipped strategy removes what is there.
  for (const name of names) await advance(join(copies, name), series.states.at(-1) ?? "");
  const dataPath = (side: Side): string => (side === "shipped" ? copies : kept);
  await withSideWorkers({ ...run, dataPath }, async (workers) => {
    for (const side of inTurn(turn))
      samples[side]["kept-profile start"].push(await alone(workers[side], "start", kept));
  });
  await rm(copies, { recursive: true, force: true, maxRetries: 5 });
}

/** A new process on an empty data path, as on a new machine. */
async function restores(run: Run): Promise<void> {
  const { series, names, turn, samples, folder } = run;
  const dataPath = (side: Side): string => join(folder, `restored-${side}`);
  // The shipped strategy needs it to exist.
  for (const side of sides) await mkdir(dataPath(side), { recursive: true });
  await withSideWorkers({ ...run, dataPath }, async (workers) => {
    for (const side of inTurn(turn)) samples[side].restore.push(await alone(workers[side], "start", folder));
  });
  // Only now, when the processes have ended: the shipped restore resolves before its last file is written.
  const restored = (side: Side): string[] => names.map((name) => join(dataPath(side), name));
  const all = { shipped: restored("shipped"), ours: restored("ours"), limit: restored("limit") };
  await assertSameBytes(series.states.at(-1) ?? "", all);
  for (const side of sides) await rm(dataPath(side), { recursive: true, force: true, maxRetries: 5 });
}

function profilesOf({ folder }: Run): string {
  return join(folder, "profiles");
}
