// Each thread dies of the first chunk that it is to compress: `tsx dying-threads.ts <directory>`. Says how the saves ended.
import { join } from "node:path";
import { built, threads } from "./built.ts";
import { levelDbProfile } from "./large-profile.ts";
import { SavedProfile } from "./saved-profile.ts";

const { FileStore } = await built<typeof import("../../../../adapters/fs/index.ts")>("adapters/fs/index.ts");
const [directory = ""] = process.argv.slice(2);
const store = new FileStore({ directory: join(directory, "stored") });
const saved = await SavedProfile.open(await levelDbProfile(join(directory, "profile"), 3), store, "bot");
const killed: Promise<void>[] = [];
threads.onOffer = (job) => {
  if (job === "encode-chunk-job") killed.push(threads.kill());
};
const codes: string[] = [];
for (let save = 0; save < 4; save++) {
  await threads.start();
  codes.push(
    await saved.save().then(
      () => "saved",
      ({ code }: { code: string }) => code,
    ),
  );
  await Promise.all(killed);
}
await saved.assertStored();
console.log(JSON.stringify({ codes, done: threads.done }));
