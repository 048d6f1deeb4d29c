// A process of its own that lives the life of a session (kill-life.ts) on a real store, until a moment of its requests
// at which it is killed: `node kill-child.js <LifeSpec as JSON>`, with a channel to the process that started it.
import { Vault } from "../../lib/vault/vault.ts";
import { openBlobs, StoppingBlobs } from "./kill-blobs.ts";
import { ENCRYPTED_OPTIONS, HandTimer, LIFE_OPTIONS, lifeOf } from "./kill-life.ts";
import type { LifeNews, LifeSpec } from "./kill-run.ts";

const { blobs: spec, session, stopAt } = JSON.parse(process.argv[2] ?? "") as LifeSpec;
process.once("disconnect", () => process.exit(1));

const { blobs } = await openBlobs(spec);
const stopping = new StoppingBlobs(blobs, stopAt, async (moment) => {
  await tell({ moment });
  // A request that was begun is killed with the process; otherwise the parent does it, at a time of its own.
  if (stopAt.how === "amid") process.kill(process.pid, "SIGKILL");
  await new Promise(() => {});
});
const timer = new HandTimer();
const vaults = [LIFE_OPTIONS, ENCRYPTED_OPTIONS].map(
  (options) => new Vault({ blobs: stopping, ...options }, { timer }),
);
const renew = async (): Promise<void> => {
  // The last request of a renewal deletes the one before.
  const renewed = stopping.until(/^delete .*\/lease\//);
  timer.fire();
  await renewed;
};
for (const call of lifeOf(vaults as [Vault, Vault], session, renew)) {
  await call.run();
  await tell({ done: call.name });
}
await tell({ moments: stopping.moments });
process.exit(0);

/** Resolves when the news are on their way: a process that is killed then has told them. */
function tell(news: LifeNews): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(news, () => resolve());
  });
}
