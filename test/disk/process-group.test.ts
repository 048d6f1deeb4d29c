import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { isGroupRunning } from "../../lib/disk/process-group.ts";
import { PROC } from "../../lib/disk/process-stat.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();

describe.skipIf(process.platform === "win32")("a process group", () => {
  it.each([
    ["as this system shows its processes", () => PROC],
    ["without /proc", () => `${folder()}/none`],
    ["with an empty /proc", folder],
  ])("runs while one of its processes does, %s", async (_, proc) => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore", detached: true });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child, "spawn");
    const exit = once(child, "exit");
    expect(isGroupRunning(child.pid, proc())).toBe(true);
    child.kill("SIGKILL");
    await exit;
    expect(isGroupRunning(child.pid, proc())).toBe(false);
  });

  it("is none where no process was started", () => {
    expect(isGroupRunning(undefined)).toBe(false);
  });
});
