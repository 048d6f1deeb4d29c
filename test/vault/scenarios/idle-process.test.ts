import { spawn } from "node:child_process";
import { hostname } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { exitOf } from "../../support/child-exit.ts";
import { useFolder } from "../../support/folder.ts";

const session = "RemoteAuth-bot";
const folder = useFolder();

/** Runs a process that takes a session and does nothing after that. @returns once it has ended by itself */
async function runHolder(...args: string[]): Promise<{ said: string; end: unknown; pid: number | undefined }> {
  const script = join(import.meta.dirname, "../support/idle-holder.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [said, end] = await Promise.all([text(child.stdout), exitOf(child)]);
  return { said, end, pid: child.pid };
}

const ended = { said: "held\n", end: [0, null] };

it("the renewals of a lease keep no process alive", async () => {
  expect(await runHolder("memory")).toMatchObject(ended);
});

it("a process that ends while it has a session releases nothing", async () => {
  const directory = folder();
  const holder = await runHolder("file", directory);
  expect(holder).toMatchObject(ended);
  const state = await new FileStore({ directory }).state({ session });
  expect(state?.lease?.owner).toBe(`${hostname()}:${holder.pid}`);
});
