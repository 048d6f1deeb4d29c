import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { relative } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { endBrowsers } from "../../lib/browser/end-browser.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();
let dir: string;
let children: ChildProcess[];
beforeEach(() => {
  dir = folder();
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** A process that looks like a browser on the profile, and ends when it is asked to. */
async function start(profile: string): Promise<ChildProcess> {
  const script = "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('up')";
  const child = spawn(process.execPath, ["-e", script, "--", `--user-data-dir=${profile}`], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  children.push(child);
  await once(child.stdout, "data");
  return child;
}

it.runIf(process.platform !== "win32")("asks the browsers on the profile to end, and no other process", async () => {
  const [mine, byOtherName, other] = [await start(dir), await start(relative("", dir)), await start(`${dir}-2`)];
  await endBrowsers(children, dir);
  expect([mine.exitCode, byOtherName.exitCode]).toEqual([7, 7]);
  expect([other.exitCode, other.signalCode]).toEqual([null, null]);
});

it("does nothing about a browser that could not be started", async () => {
  const child = spawn(`${dir}/no-chromium`, [`--user-data-dir=${dir}`]);
  await once(child, "error");
  await endBrowsers([child], dir);
  expect(child.pid).toBeUndefined();
});
