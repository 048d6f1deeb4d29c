import assert from "node:assert/strict";
import { join } from "node:path";
import { expect, it } from "vitest";
import { nodeOf } from "../../bench/nodes.ts";
import { startWorker } from "../../bench/worker-process.ts";
import { useFolder } from "../support/folder.ts";
import { nodeVersions, obtainNode } from "../support/services/node.ts";
import { suiteWith } from "../support/services/suite.ts";

const newFolder = useFolder();

it("is the running Node.js, without a wish and by its name", async () => {
  const own = { command: process.execPath, version: process.versions.node };
  expect(await nodeOf()).toEqual(own);
  expect(await nodeOf(own.version)).toEqual(own);
  expect(await nodeOf(own.version.split(".")[0])).toEqual(own);
});

const version = nodeVersions.find((each) => !process.versions.node.startsWith(`${each.split(".")[0]}.`)) ?? "";
const major = version.split(".")[0];
await suiteWith(
  `Node.js ${major}`,
  async () => ({ ...(await obtainNode(version)), stop: async () => {} }),
  () => {
    it("runs the workers of both sides", async () => {
      const node = await nodeOf(major);
      assert.equal(node.version.split(".")[0], major);
      const folder = newFolder();
      const store = { kind: "file", directory: join(folder, "store") } as const;
      for (const side of ["ours", "shipped"] as const) {
        const spec = { side, store, dataPath: folder, sessions: 1 };
        const worker = await startWorker(spec, { node: node.command });
        await worker.close();
        assert.equal(worker.node, node.version);
      }
    });
  },
);
