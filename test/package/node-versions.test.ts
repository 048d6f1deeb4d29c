// The packed package and a life of a session on each Node that is maintained. The other tests run on one.
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { writesSoon } from "../support/chromium.ts";
import { isLong } from "../support/length.ts";
import { liveAndComeBack } from "../support/life.ts";
import { entries, type Project, peers, projectIn } from "../support/packed-package.ts";
import { remoteBot } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { scratchFolder } from "../support/scratch.ts";
import { nodeVersions, obtainNode } from "../support/services/node.ts";
import { suiteWith } from "../support/services/suite.ts";

const rig = useRig();

let project: Project;
beforeAll(async () => {
  project = await projectIn(scratchFolder("nodes-"));
  project.provide(...peers);
}, 650_000);

for (const version of nodeVersions) {
  const start = async () => ({ ...(await obtainNode(version)), stop: async () => {} });
  await suiteWith(`Node.js ${version.split(".")[0]}`, start, ({ command }) => {
    it("imports and requires every entry of the packed package", () => {
      const imported = project.load("import", entries, command);
      expect(Object.keys(imported)).toEqual(entries);
      for (const entry of entries) expect(imported[entry], entry).not.toEqual([]);
      expect(project.load("require", entries, command)).toEqual(imported);
    });

    // In `npm test` on the one that most people run.
    if (!isLong && !version.startsWith("24.")) return;
    it("links a session, saves it, loses its machine, and is ready on another one without a QR", async () => {
      const store = rig.folder();
      const bot = () => {
        const spec = remoteBot(store, join(rig.folder(), "sessions"));
        return rig.start({ ...spec, execPath: command, args: writesSoon });
      };
      const [first, second] = await liveAndComeBack(bot);
      const [started] = (await second.until("starting")).values;
      expect(started).toMatch(new RegExp(`^v${version.split(".")[0]}\\.`));
      expect(first.stderr() + second.stderr()).not.toContain("Warning");
    });
  });
}
