import { forEachConcurrent } from "../../lib/async/semaphore.ts";
import type { BlobStore } from "../../lib/blobs.ts";
import { scratchFolder } from "../support/scratch.ts";
import { unique } from "../support/services/clients.ts";
import { type BlobsSpec, openBlobs, type StopAt } from "./kill-blobs.ts";
import { checkAfterKill, historyOf } from "./kill-check.ts";
import { checkRecordsAfterKill } from "./kill-records-check.ts";
import { type LivedLife, liveAndDie, NEVER } from "./kill-run.ts";

/** As many as there are cores on a small machine. */
const LIVES_AT_ONCE = 2;

/** The life of a session, and what must hold after a kill in it. */
interface KilledLife {
  /** The file of its process, in this folder. */
  readonly script: string;
  /** What the names of its sessions begin with. */
  readonly prefix: string;
  check(blobs: BlobStore, session: string, life: LivedLife): Promise<void>;
}

let known: Promise<string[]> | undefined;

/** A session of a browser, from its first save until it is deleted for good. */
export const profileLife: KilledLife = {
  script: "kill-child.ts",
  prefix: "RemoteAuth",
  async check(blobs, session, life) {
    known ??= historyOf(scratchFolder("kill-"));
    await checkAfterKill({ blobs, session, folder: scratchFolder("kill-"), history: await known, life });
  },
};

/** A session of records, from its first set until it is closed. */
export const recordsLife: KilledLife = {
  script: "kill-records-child.ts",
  prefix: "Baileys",
  check: checkRecordsAfterKill,
};

/**
 * Lives the life of a session once for each chosen moment, kills its process there, and checks what is left.
 * @param choose whether a moment is one of them
 * @returns the moments at which a process was killed
 */
export async function killAtMoments(
  spec: BlobsSpec,
  how: StopAt["how"],
  choose: (moment: string, at: number, all: readonly string[]) => boolean,
  { script, prefix, check }: KilledLife = profileLife,
): Promise<string[]> {
  const { blobs, close } = await openBlobs(spec);
  const moments: string[] = [];
  const liveUntil = async (at: number): Promise<readonly string[]> => {
    const session = `${prefix}-${how}-${at === NEVER ? "end" : at}-${unique()}`;
    const life = await liveAndDie({ blobs: spec, session, stopAt: { how, at } }, script);
    await check(blobs, session, life).catch((cause: unknown) => {
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
