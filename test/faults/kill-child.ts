// A process of its own that lives the life of a session (kill-life.ts) on a real store, until a moment of its requests
// at which it is killed: `node kill-child.js <LifeSpec as JSON>`, with a channel to the process that started it.
import { Vault } from "../../lib/vault/vault.ts";
import { ENCRYPTED_OPTIONS, HandTimer, LIFE_OPTIONS, lifeOf } from "./kill-life.ts";
import { openStopping, tell } from "./kill-news.ts";

const { blobs, session } = await openStopping();
const timer = new HandTimer();
const vaults = [LIFE_OPTIONS, ENCRYPTED_OPTIONS].map((options) => new Vault({ blobs, ...options }, { timer }));
const renew = async (): Promise<void> => {
  // The last request of a renewal deletes the one before.
  const renewed = blobs.until(/^delete .*\/lease\//);
  timer.fire();
  await renewed;
};
for (const call of lifeOf(vaults as [Vault, Vault], session, renew)) {
  await call.run();
  await tell({ done: call.name });
}
await tell({ moments: blobs.moments });
process.exit(0);
