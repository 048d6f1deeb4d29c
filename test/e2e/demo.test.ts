import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { storeFromUrl } from "../../address/store-from-url.ts";
import { demoStores } from "../../demo/stores.ts";
import { tell } from "../../demo/story.ts";
import { terminal } from "../../demo/terminal.ts";
import { exitOf } from "../support/child-exit.ts";
import { isLong, onlyLong } from "../support/length.ts";
import { processesBeside } from "../support/process-tree.ts";
import { useRig } from "../support/rig.ts";
import { startMongo, startPostgres, startRedis, startS3 } from "../support/services/index.ts";
import { RUN_DIRECTORY, type Service } from "../support/services/service.ts";
import { suiteWith } from "../support/services/suite.ts";

const rig = useRig();

/** A folder for what the demo leaves, its servers and its browsers: a short name, since sockets are in it. */
function leftovers(): string {
  const folder = mkdtempSync(join(tmpdir(), "wa-demo-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
}

async function demo(args: string[] = [], folder = leftovers()) {
  const child = spawn(process.execPath, ["--import", "tsx", "demo/demo.ts", ...args], {
    env: { ...process.env, NO_COLOR: "1", TMPDIR: folder, [RUN_DIRECTORY]: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // The processes that it has started end with it.
  onTestFinished(() => void child.kill("SIGTERM"));
  const [[status], stdout, stderr] = await Promise.all([exitOf(child), text(child.stdout), text(child.stderr)]);
  return { status, stdout, stderr };
}

/** Processes that were told of `folder`, or are in it. Linux only. */
function processesOf(folder: string): string[] {
  return processesBeside(process.pid).flatMap((pid) => {
    try {
      const [cwd, environment] = [readlinkSync(`/proc/${pid}/cwd`), readFileSync(`/proc/${pid}/environ`, "utf8")];
      if (!cwd.startsWith(folder) && !environment.includes(folder)) return [];
      return [readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")];
    } catch {
      return [];
    }
  });
}

/** No process and no file of the demo is left, beside what is compiled for it and what killed bots leave: the run removes that. */
async function expectNothingLeft(folder: string): Promise<void> {
  expect(processesOf(folder)).toEqual([]);
  const names = (await readdir(folder)).filter(
    (name) => !/^(tsx|compiled)-|^pids$|^wa-vault-(stand-in|tmp)-/.test(name),
  );
  expect(names).toEqual([]);
}

describe("the demo", () => {
  it("ends with 0 when the session came back without a QR, and leaves no files or processes", async () => {
    const folder = leftovers();
    const { status, stdout, stderr } = await demo([], folder);
    expect(status, stdout + stderr).toBe(0);
    await expectNothingLeft(folder);
    expect(stdout).toContain("ready, without a QR");
    expect(stdout).toContain("history: ok, up to number 6");
    expect(stdout).not.toContain("\x1b[");
  });

  it("fails with the reason when the store has lost the session with the machine", async () => {
    const folder = rig.folder();
    const directory = join(folder, "store");
    const openStore = demoStores.file;
    if (!openStore) throw new Error("the demo has no file store");
    const out = terminal();
    const quiet = () => {};
    const lossy = {
      ...out,
      line: quiet,
      block: quiet,
      step: (text: string) => {
        if (text.startsWith("Start the bot on another machine")) rmSync(directory, { recursive: true });
      },
    };
    await expect(tell({ out: lossy, folder, store: await openStore(directory), live: false })).rejects.toThrow(
      "the second machine found no session, and was asked to link",
    );
  });

  it("accepts its options, and refuses others", async () => {
    expect(await demo(["--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("--store <kind>") });
    const wrong = await demo(["--store", "redis://:hush@localhost/x"]);
    expect(wrong).toMatchObject({ status: 1, stdout: expect.stringContaining("number of a database") });
    expect(wrong.stdout + wrong.stderr).not.toContain("hush");
    expect(await demo(["--store", "tape"])).toMatchObject({ status: 1, stdout: expect.stringContaining("got tape") });
  });
});

if (isLong) {
  describe("the demo with --store <address>", () => {
    it("keeps the session in the store of an address", async () => {
      const address = `file:${join(rig.folder(), "sessions")}`;
      const { status, stdout, stderr } = await demo(["--store", address]);
      expect(status, stdout + stderr).toBe(0);
      expect(stdout).toContain(`store = await storeFromUrl("${address}")`);
      const names: string[] = [];
      for await (const name of (await storeFromUrl(address, { env: {} })).sessions()) names.push(name);
      expect(names).toEqual([expect.stringMatching(/^RemoteAuth-demo-/)]);
    });
  });
}

// What becomes of a session on these: test/e2e/stores.test.ts.
const servers = onlyLong<[kind: string, start: () => Promise<Service>]>(
  ["s3", startS3],
  ["redis", startRedis],
  ["mongo", startMongo],
  ["postgres", startPostgres],
);
for (const [kind, start] of servers) {
  // Whether there is one; the demo brings its own, in the same way.
  const look = async () => {
    const service = await start();
    await service.stop();
    return { way: service.way, stop: async () => {} };
  };
  await suiteWith(`the demo with --store ${kind}`, look, ({ way }) => {
    it("ends with 0 when the session came back without a QR, and leaves no files or processes", async () => {
      const folder = leftovers();
      const { status, stdout, stderr } = await demo(["--store", kind], folder);
      expect(status, stdout + stderr).toBe(0);
      // Which server; how it was had may be another way than a moment ago.
      expect(stdout).toContain(`${way.split(":")[0]}: `);
      expect(stdout).toContain("no second QR, nothing lost");
      await expectNothingLeft(folder);
    });
  });
}
