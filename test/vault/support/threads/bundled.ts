// A program that a bundler makes one file of: `node <bundle> <directory of a profile> <directory of a store>`. Says how
// many threads there were.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { FileStore } from "../../../../adapters/fs/index.ts";
import { threads } from "../../../../lib/async/threads/thread-pool.ts";
import { captureProfile } from "../../../../lib/profile/capture/capture.ts";

async function main(profile = "", directory = ""): Promise<void> {
  const store = new FileStore({ directory });
  const session = "bot";
  const lease = await store.acquire({ session });
  const capture = await captureProfile(profile, { live: true });
  const saving = store.saveProfile({ session, lease, capture });
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, threads.size);
  }, 1);
  const { bytes } = await saving;
  clearInterval(watch);
  await capture.close();
  const into = mkdtempSync(join(directory, "restored-"));
  const restored = await store.restoreProfile({ session, into });
  await lease.release();
  console.log(JSON.stringify({ bytes, restored: restored.bytes, most }));
}

void main(...process.argv.slice(2));
