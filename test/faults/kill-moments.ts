import { forEachConcurrent } from "../../lib/async/semaphore.ts";
import { scratchFolder } from "../support/scratch.ts";
import { unique } from "../support/services/clients.ts";
import { type BlobsSpec, openBlobs, type StopAt } from "./kill-blobs.ts";
import { checkAfterKill, historyOf } from "./kill-check.ts";
import { liveAndDie, NEVER } from "./kill-run.ts";

/** As many as there are cores on a small machine. */
const LIVES_AT_ONCE = 2;

let known: Promise<string[]> | undefined;

/**
 * Lives the life of a session once for each chosen moment, kills its process there, and checks what is left.
 * @param choose whether a moment is one of them
 * @returns the moments at which a process was killed
 */
export async function killAtMoments(
  spec: BlobsSpec,
  how: StopAt["how"],
  choose: (moment: string, at: number, all: readonly string[]) => boolean,
): Promise<string[]> {
  known ??= historyOf(scratchFolder("kill-"));
  const history = await known;
  const { blobs, close } = await openBlobs(spec);
  const folder = scratchFolder("kill-");
  const moments: string[] = [];
  const liveUntil = async (at: number): Promise<readonly string[]> => {
    const session = `RemoteAuth-${how}-${at === NEVER ? "end" : at}-${unique()}`;
    const life = await liveAndDie({ blobs: spec, session, stopAt: { how, at } });
    await checkAfterKill({ blobs, session, folder, history, life }).catch((cause: unknown) => {
      throw new Error(`${spec.kind}, ${how} ${at}: killed ${life.moment ?? "nowhere"}`, { cause });
    });
    if (life.moment !== undefined) moments.push(life.moment);
    return life.moments ?? [];
  };
  try {
    const all = await liveUntil(NEVER);
    const chosen = [...all.keys()].filter((at) => choose(all[at] ?? "", at, all));
    await forEachConcurrent(chosen, LIVES_AT_ONCE, async (at) => void (await liveUntil(at)));
  } finally {
    await close();
  }
  return moments;
}
