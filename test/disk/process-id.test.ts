import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { groupOf, identify, isSameProcess, type ProcessId, stateHere, stateOf } from "../../lib/disk/process-id.ts";

/** A process, and its end. */
async function started(): Promise<{ id: ProcessId; end: () => Promise<void> }> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore", detached: true });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "spawn");
  const end = async (): Promise<void> => {
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  };
  return { id: await identify(child.pid ?? 0), end };
}

describe.runIf(process.platform === "linux")("the state of a process", () => {
  it("is running, then ended", async () => {
    const { id, end } = await started();
    expect(await stateOf(id)).toBe("running");
    await end();
    expect(await stateOf(id)).toBe("ended");
  });

  it("is ended when a later process has its number", async () => {
    expect(await stateOf({ ...(await identify(process.ppid)), startedAt: "1" })).toBe("ended");
  });

  it.each<[string, Partial<ProcessId>]>([
    ["another boot", { boot: "another" }],
    ["another PID namespace", { pidNamespace: "pid:[1]" }],
    ["an earlier version, which names no place", { boot: undefined, pidNamespace: undefined }],
    ["no known start", { startedAt: undefined }],
  ])("is unknown for one of %s, also when a process has its number and start", async (_, more) => {
    const { id, end } = await started();
    expect(await stateOf({ ...id, ...more })).toBe("unknown");
    await end();
    expect(await stateOf({ ...id, ...more })).toBe("startedAt" in more ? "ended" : "unknown");
  });

  it("is told without the place, as for a process of here", async () => {
    const { id, end } = await started();
    const { pid, startedAt } = id;
    expect(await stateHere({ pid, startedAt })).toBe("running");
    await end();
    expect(await stateHere({ pid, startedAt })).toBe("ended");
  });
});

describe.runIf(process.platform === "linux")("a process", () => {
  it("is the same by its number, start and place", async () => {
    const own = await identify(process.pid);
    expect(isSameProcess(own, await identify(process.pid))).toBe(true);
    for (const key of ["startedAt", "boot", "pidNamespace"] as const) {
      expect(isSameProcess(own, { ...own, [key]: "another" })).toBe(false);
    }
    expect(isSameProcess(own, await identify(process.ppid))).toBe(false);
  });

  it("has a group, and none when it is not there", async () => {
    const { id, end } = await started();
    expect(await groupOf(id.pid)).toBe(id.pid);
    await end();
    expect(await groupOf(id.pid)).toBeUndefined();
  });
});
