import { openBlobs, StoppingBlobs } from "./kill-blobs.ts";
import type { LifeNews, LifeSpec } from "./kill-run.ts";

/** In a process that is to be killed: its session, and blobs that stop it at the moment that its arguments name. */
export async function openStopping(): Promise<{ blobs: StoppingBlobs; session: string }> {
  const { blobs: spec, session, stopAt } = JSON.parse(process.argv[2] ?? "") as LifeSpec;
  process.once("disconnect", () => process.exit(1));
  const { blobs } = await openBlobs(spec);
  const stopping = new StoppingBlobs(blobs, stopAt, async (moment) => {
    await tell({ moment });
    // A request that was begun is killed with the process; otherwise the parent does it, at a time of its own.
    if (stopAt.how === "amid") process.kill(process.pid, "SIGKILL");
    await new Promise(() => {});
  });
  return { blobs: stopping, session };
}

/** Resolves when the news are on their way: a process that is killed then has told them. */
export function tell(news: LifeNews): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(news, () => resolve());
  });
}
