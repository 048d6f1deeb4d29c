import { type ChildProcess, spawn } from "node:child_process";
import { readdir, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { assertSameFiles, filesIn } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { times } from "../../support/length.ts";
import { roundFiles } from "../support/rounds.ts";

const session = "RemoteAuth-bot";
const KILLS = times(4, 100);

describe("a process that is killed while it saves", () => {
  let parent: string;
  const folder = useFolder();
  beforeEach(() => {
    parent = folder();
  });

  it(
    "leaves the newest committed session, and only temporary files",
    async () => {
      const directory = join(parent, "store");
      let saved = { generation: 0, round: -1 };
      let epoch = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const run = await runUntilKilled(directory, saved.round + 1, kill);
        expect(run.epoch).toBeGreaterThan(epoch);
        epoch = run.epoch;
        if (run.saved) saved = run.saved;
        const store = new FileStore({ directory });
        const state = await store.state({ session });
        // The last one may have been committed and not yet told.
        expect(state?.current?.generation).toBeGreaterThanOrEqual(saved.generation);
        const into = join(parent, `into-${kill}`);
        const report = await store.restoreProfile({ session, into });
        expect(report.skipped).toEqual([]);
        const files = await filesIn(into);
        const round = Number(files["Default/round"]);
        expect(round - saved.round === 0 || round - saved.round === 1).toBe(true);
        assertSameFiles(files, roundFiles(round));
        saved = { generation: report.generation, round };
        await rm(into, { recursive: true });
      }
      await clearsUp(directory);
    },
    300_000 + KILLS * 30_000,
  );
});

/** Runs a writer and kills it after some of its saves, at any moment of the next one. */
async function runUntilKilled(
  directory: string,
  firstRound: number,
  kill: number,
): Promise<{ epoch: number; saved: { generation: number; round: number } | undefined }> {
  const child: ChildProcess = spawn(
    process.execPath,
    ["--import", "tsx", join(import.meta.dirname, "killed-writer.ts"), directory, String(firstRound)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const exited = new Promise((resolve) => child.once("exit", resolve));
  let epoch = 0;
  let saved: { generation: number; round: number } | undefined;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout as NonNullable<ChildProcess["stdout"]> })) {
    const [what, first, second] = line.split(" ");
    if (what === "held") epoch = Number(first);
    else saved = { generation: Number(first), round: Number(second) };
    // At least two saves, so that it gets somewhere; then in the middle of whatever comes next.
    if (++count === 3 + (kill % 5)) setTimeout(() => child.kill("SIGKILL"), (kill * 17) % 40);
  }
  await exited;
  return { epoch, saved };
}

/** A later listing removes temporary files, once they are old. */
async function clearsUp(directory: string): Promise<void> {
  const temporary = async (): Promise<string[]> => {
    const names = await readdir(directory, { recursive: true });
    return names.filter((name) => name.endsWith(".tmp"));
  };
  for (const name of await temporary()) {
    const old = new Date(Date.now() - 2 * 60 * 60 * 1000);
    await utimes(join(directory, name), old, old);
  }
  const store = new FileStore({ directory });
  const lease = await store.acquire({ session });
  await store.prune({ session, lease });
  expect(await temporary()).toEqual([]);
  await store.restoreProfile({ session, into: join(directory, "..", "last") });
}
