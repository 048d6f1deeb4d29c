// Many saves of several sessions at once, in memory that is used again: `tsx many-saves.ts <directory> <rounds> <seed>`, and
// more rounds until a request has failed. Each session is restored and compared after each save. Says what the threads have
// done.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Lease } from "../../../../lib/store.ts";
import { assertSameFiles, filesIn } from "../../../contract/profile.ts";
import { testKey } from "../../../support/keys.ts";
import { built, threads } from "./built.ts";
import { captureDirectory } from "./directory-capture.ts";
import { RandomFiles, randomNumbers } from "./random-files.ts";
import { UnsteadyBlobs } from "./unsteady-blobs.ts";

const { MemoryBlobs } = await built<typeof import("../../../../lib/blobs/memory.ts")>("lib/blobs/memory.ts");
const { Vault } = await built<typeof import("../../../../lib/vault/vault.ts")>("lib/vault/vault.ts");
const { VaultError } = await built<typeof import("../../../../lib/errors.ts")>("lib/errors.ts");
const [directory = "", rounds = "1", seed = "1"] = process.argv.slice(2);
const random = randomNumbers(Number(seed));
/** With the small one, a block that was read has several chunks. */
const SIZES = [1024 * 1024, 16 * 1024 * 1024];
const ENCRYPTION = { key: testKey(1) };

interface Session {
  readonly name: string;
  readonly files: RandomFiles;
  readonly vault: InstanceType<typeof Vault>;
  readonly lease: Lease;
}

const sessions: Session[] = [];
const stores: UnsteadyBlobs[] = [];
for (const maxBlobBytes of SIZES) {
  for (const encryption of [undefined, ENCRYPTION]) {
    const blobs = new UnsteadyBlobs(new MemoryBlobs({ maxBlobBytes }), random, VaultError);
    stores.push(blobs);
    const vault = new Vault({ blobs, encryption, retries: 10, retryDelayMs: 0, keep: 1 });
    const name = `bot-${sessions.length}`;
    const files = new RandomFiles(join(directory, name), random);
    sessions.push({ name, files, vault, lease: await vault.acquire({ session: name }) });
  }
}

async function saveAndRestore({ name, files, vault, lease }: Session): Promise<void> {
  await files.change();
  const capture = await captureDirectory(files.dir, files.list());
  try {
    await vault.saveProfile({ session: name, lease, capture });
  } finally {
    await capture.close();
  }
  const into = `${files.dir}.restored`;
  await vault.restoreProfile({ session: name, into });
  assertSameFiles(await filesIn(into), files.files);
  await rm(into, { recursive: true });
}

const failed = (): number => stores.reduce((sum, store) => sum + store.failures, 0);

await threads.start();
for (let round = 0; round < Number(rounds) || failed() === 0; round++) {
  // Now and then this thread does all of it.
  threads.isOn = random() < 0.7;
  await Promise.all(sessions.map(saveAndRestore));
}
// What was given up and has arrived since has changed nothing.
for (const store of stores) await store.settled();
for (const { name, files, vault } of sessions) {
  const into = `${files.dir}.restored`;
  await vault.restoreProfile({ session: name, into });
  assertSameFiles(await filesIn(into), files.files);
}
console.log(JSON.stringify({ done: threads.done, failures: failed() }));
