// A process of its own that sets records (kill-records-life.ts) on a real store, until a moment of its requests at which it is
// killed: `node kill-records-child.js <LifeSpec as JSON>`, with a channel to the process that started it.
import { Vault } from "../../lib/vault/vault.ts";
import { openStopping, tell } from "./kill-news.ts";
import { MOST_LOOSE, OPTIONS, SETS, setOf } from "./kill-records-life.ts";

const { blobs, session } = await openStopping();
const vault = new Vault({ ...OPTIONS, blobs }, { mostLoose: MOST_LOOSE });
const records = await vault.openRecords({ session });
for (let n = 1; n <= SETS; n++) {
  await records.set(setOf(n));
  await tell({ done: `set ${n}` });
}
await records.close();
await tell({ moments: blobs.moments });
process.exit(0);
