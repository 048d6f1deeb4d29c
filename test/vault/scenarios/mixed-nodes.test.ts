// Processes of one fleet run on different releases of Node.js: with zstd since 22.15, without it before.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { DEFLATED, ZSTD } from "../../../lib/vault/compress.ts";
import { nodeZstd } from "../../../lib/vault/zstd.ts";
import { assertSameFiles, captureOf, filesIn } from "../../contract/profile.ts";
import { exitOf } from "../../support/child-exit.ts";
import { useFolder } from "../../support/folder.ts";
import { testKey } from "../../support/keys.ts";
import { onlyLong } from "../../support/length.ts";
import { nodeVersions, obtainNode } from "../../support/services/node.ts";
import { suiteWith } from "../../support/services/suite.ts";
import { severalChunks } from "../support/several-chunks.ts";

const session = "RemoteAuth-bot";
const files = severalChunks();
const folder = useFolder();

// All of them have zstd. In `npm test` the oldest one shows it.
const [oldest = "", ...later] = nodeVersions;
for (const version of [oldest, ...onlyLong(...later)]) {
  const start = async () => ({ ...(await obtainNode(version)), stop: async () => {} });
  await suiteWith(`with Node.js ${version.split(".")[0]}`, start, ({ command }) => {
    async function run(...args: string[]): Promise<void> {
      const script = join(import.meta.dirname, "../support/other-node.ts");
      const child = spawn(command, ["--import", "tsx", script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
      onTestFinished(() => void child.kill("SIGKILL"));
      const [said, errors, end] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
      expect({ errors, end }).toEqual({ errors: "", end: [0, null] });
      expect(said).toMatch(new RegExp(`^v${version.split(".")[0]}\\.`));
    }

    const ways: [name: string, key: Buffer | undefined][] = [
      ["plain", undefined],
      ["encrypted", testKey(1)],
    ];
    it.each(ways)("a session that it has saved, %s, is restored on this Node", async (_, key) => {
      const [directory, into] = [folder(), folder()];
      await run("save", directory, key?.toString("hex") ?? "");
      expect(await codecsIn(directory)).toContain(ZSTD);
      const store = new FileStore({ directory, ...(key ? { encryption: { key } } : {}) });
      await store.restoreProfile({ session, into });
      assertSameFiles(await filesIn(into), files);
    });

    it.each(ways)("a session that this Node has saved, %s, is restored by it", async (_, key) => {
      const [directory, into] = [folder(), folder()];
      const store = new FileStore({ directory, ...(key ? { encryption: { key } } : {}) });
      const lease = await store.acquire({ session });
      await store.saveProfile({ session, lease, capture: captureOf(files) });
      await lease.release();
      expect(await codecsIn(directory)).toContain(nodeZstd ? ZSTD : DEFLATED);
      await run("restore", directory, key?.toString("hex") ?? "", into);
      assertSameFiles(await filesIn(into), files);
    });
  });
}

/** The codecs of the frames of all chunks. */
async function codecsIn(directory: string): Promise<Set<number | undefined>> {
  const chunks = Object.entries(await filesIn(directory)).filter(([path]) => path.includes("chunks"));
  expect(chunks.length).toBeGreaterThan(2);
  return new Set(chunks.map(([, frame]) => frame[5]));
}
