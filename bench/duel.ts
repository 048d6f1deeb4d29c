import { spawnSync } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Figures, mean, noSamples, type Samples, type Side, sides } from "./figures.ts";
import { assertSameBytes } from "./same-bytes.ts";
import { advance, type Series } from "./series.ts";
import type { StartedStore, StoreSpec } from "./stores.ts";
import { startWorker, type Worker } from "./worker-process.ts";

export interface DuelOptions {
  readonly series: Series;
  /** How many sessions one process has; all do the same at once. */
  readonly sessions: number;
  readonly runs: number;
  readonly store: StartedStore;
  /** An empty folder; its files are removed. */
  readonly folder: string;
  readonly cpuProfiles?: string | undefined;
  readonly log: (line: string) => void;
}

/** A file of which a change could hide in the same tick of the clock is read again; saves are minutes apart. */
const SETTLE_MS = 2_200;

/** Both sides on the same profiles, step by step in turn. @throws when a side does not restore the saved bytes. */
export async function duel(options: DuelOptions): Promise<Samples> {
  const samples = noSamples();
  for (let run = 0; run < options.runs; run++) {
    const folder = join(options.folder, `run-${run}`);
    try {
      await oneRun(options, folder, run, samples);
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
    options.log(`run ${run + 1} of ${options.runs} done`);
  }
  return samples;
}

async function oneRun(options: DuelOptions, folder: string, run: number, samples: Samples): Promise<void> {
  const { series, sessions, store } = options;
  const names = Array.from({ length: sessions }, (_, index) => `RemoteAuth-s${index + 1}`);
  const dataPath = join(folder, "profiles");
  await mkdir(dataPath, { recursive: true });
  const specs: Record<Side, StoreSpec> = {
    shipped: await store.fresh(),
    ours: await store.fresh(),
  };

  await withBoth(
    options,
    specs,
    () => dataPath,
    async (workers) => {
      const later: Record<Side, Figures[]> = { shipped: [], ours: [] };
      for (const [index, state] of series.states.entries()) {
        for (const name of names) await advance(join(dataPath, name), state);
        await sleep(SETTLE_MS);
        for (const side of inTurn(run + index)) {
          const figures = await alone(folder, () => workers[side].run("save"));
          if (index === 0) samples[side]["first save"].push(figures);
          else later[side].push(figures);
        }
      }
      for (const side of inTurn(run)) {
        if (later[side].length > 0) samples[side]["later save"].push(mean(later[side]));
        samples[side]["no-change save"].push(await alone(folder, () => workers[side].run("save")));
      }
    },
  );

  const restored = (side: Side): string => join(folder, `restored-${side}`);
  // The shipped strategy needs it to exist.
  for (const side of sides) await mkdir(restored(side), { recursive: true });
  await withBoth(options, specs, restored, async (workers) => {
    for (const side of inTurn(run)) samples[side].restore.push(await alone(folder, () => workers[side].run("restore")));
  });
  // Only now, when the processes have ended: the shipped restore resolves before its last file is written.
  for (const name of names) {
    const both = { shipped: join(restored("shipped"), name), ours: join(restored("ours"), name) };
    await assertSameBytes(series.states.at(-1) ?? "", both);
  }
}

async function withBoth(
  { sessions, cpuProfiles }: DuelOptions,
  stores: Readonly<Record<Side, StoreSpec>>,
  dataPath: (side: Side) => string,
  work: (workers: Record<Side, Worker>) => Promise<void>,
): Promise<void> {
  const start = (side: Side): Promise<Worker> =>
    startWorker(
      { side, store: stores[side], dataPath: dataPath(side), sessions },
      cpuProfiles && join(cpuProfiles, side),
    );
  const workers = { shipped: await start("shipped"), ours: await start("ours") };
  try {
    await work(workers);
  } finally {
    await Promise.all(sides.map((side) => workers[side].close()));
  }
}

/** A B, then B A: the second side finds other caches. */
function inTurn(turn: number): readonly Side[] {
  return turn % 2 === 0 ? sides : [...sides].reverse();
}

/** Lets the disk finish all writes, so that no side waits for the bytes of another. */
async function alone<T>(folder: string, work: () => Promise<T>): Promise<T> {
  spawnSync("sync", ["-f", folder], { stdio: "ignore" });
  return work();
}
