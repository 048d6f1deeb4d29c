import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openPage } from "../test/torture/open-page.ts";
import type { Samples } from "./figures.ts";
import { advance, type Series } from "./series.ts";
import { inTurn, type SideWorkersOptions, withSideWorkers } from "./side-workers.ts";

export interface UnderLoadOptions extends Omit<SideWorkersOptions, "dataPath" | "sessions"> {
  readonly series: Series;
  /** The number of the run, from 0 on. */
  readonly turn: number;
  readonly samples: Samples;
  /** An empty folder of the profile is made in it. */
  readonly folder: string;
  readonly log: (line: string) => void;
}

/** The page writes for so long before a save begins, in ms. */
const LEAD_MS = 1_000;

/**
 * A first save of the last state, by each side in turn, while a real browser has it open and the page writes as fast as
 * it can. Only ours keeps a consistent state. The shipped strategy may fail, when a file is deleted that it is about to
 * copy: then it has no sample.
 */
export async function savesUnderLoad(options: UnderLoadOptions): Promise<void> {
  const { series, turn, samples, folder, log } = options;
  const dataPath = join(folder, "under-load");
  const profile = join(dataPath, "RemoteAuth-s1");
  await advance(profile, series.states.at(-1) ?? "");
  const page = await openPage(profile, series.backend);
  try {
    if (!(await page.phone.verdict()).linked) throw new Error("The recorded profile is not linked.");
    await withSideWorkers({ ...options, dataPath: () => dataPath, sessions: 1 }, async (workers) => {
      for (const side of inTurn(turn)) {
        await page.phone.startWriter({ bodyBytes: 8_000, batch: 4 });
        await sleep(LEAD_MS);
        const saved = await workers[side].run("save").catch((error: Error) => {
          if (side !== "shipped") throw error;
          log(`under load the shipped strategy fails: ${error.message.split("\n", 1)}`);
        });
        await page.phone.stopWriter();
        if (saved) samples[side]["save under load"].push(saved);
      }
    });
  } finally {
    await page.close();
  }
}
