import { spawn } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { describe, expect, it, onTestFinished } from "vitest";
import { identify } from "../../../lib/disk/process-id.ts";
import { type LeaseOwner, ownerName, systemProcesses } from "../../../lib/vault/lease/owner.ts";

const isLinux = process.platform === "linux";

/** A process of this machine, which `end` ends. */
async function otherProcess(): Promise<{ owner: LeaseOwner; end: () => Promise<void> }> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "spawn");
  const owner = { ...(await systemProcesses.self()), ...(await identify(child.pid ?? 0)) };
  const end = async (): Promise<void> => {
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  };
  return { owner, end };
}

describe("the owner of a lease", () => {
  it("is this process, with what tells it from all others", async () => {
    const self = await systemProcesses.self();
    expect(self).toMatchObject({ host: hostname(), pid: process.pid });
    expect(await systemProcesses.self()).toEqual(self);
    expect(ownerName(self)).toBe(`${hostname()}:${process.pid}`);
  });

  it.runIf(isLinux)("has the start of the process, the boot and the pid namespace on Linux", async () => {
    expect(await systemProcesses.self()).toMatchObject({
      startedAt: expect.stringMatching(/^\d+$/),
      boot: expect.stringMatching(/^[-0-9a-f]{36}$/),
      pidNamespace: expect.stringMatching(/^pid:\[\d+\]$/),
    });
  });
});

describe("an owner that has ended", () => {
  it("is none that runs", async () => {
    expect(await systemProcesses.isGone(await systemProcesses.self())).toBe(false);
    expect(await systemProcesses.isGone((await otherProcess()).owner)).toBe(false);
  });

  it.runIf(isLinux)("is known by its number, and by its start when another process has the number", async () => {
    const { owner, end } = await otherProcess();
    expect(await systemProcesses.isGone({ ...owner, startedAt: "1" })).toBe(true);
    await end();
    expect(await systemProcesses.isGone(owner)).toBe(true);
  });

  it.each<[string, Partial<LeaseOwner>]>([
    ["another host", { host: "other" }],
    ["another boot", { boot: "other" }],
    ["another pid namespace", { pidNamespace: "pid:[1]" }],
    ["a system that names no boot", { boot: undefined }],
    ["a system that names no pid namespace", { pidNamespace: undefined }],
  ])("is not known on %s: its number says nothing here", async (_, more) => {
    const { owner, end } = await otherProcess();
    await end();
    expect(await systemProcesses.isGone({ ...owner, ...more })).toBe(false);
  });
});
