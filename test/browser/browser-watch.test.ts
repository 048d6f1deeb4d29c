import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { BrowserWatch } from "../../lib/browser/browser-watch.ts";
import type { ClientLike } from "../../lib/browser/client.ts";
import { gate } from "../support/gate.ts";

let child: ChildProcess | undefined;

afterEach(() => {
  try {
    if (child?.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
});

function watched(): BrowserWatch {
  const browser = { process: () => child, isConnected: () => false };
  return new BrowserWatch({ pupBrowser: browser } as unknown as ClientLike);
}

it("tells of a browser that was gone before the watch began", async () => {
  const browser = { process: () => null, isConnected: () => false, once: () => undefined, version: async () => "" };
  const gone = gate();
  new BrowserWatch({ pupBrowser: browser } as unknown as ClientLike, async () => gone.open()).begin(browser);
  await gone.opened;
});

describe.skipIf(process.platform === "win32")("BrowserWatch", () => {
  it("reports a browser as running as long as one of its processes runs", async () => {
    // The first process ends at once, and leaves another one behind.
    child = spawn("sh", ["-c", "sleep 600 & exit 0"], { detached: true, stdio: "ignore" });
    await once(child, "exit");
    const watch = watched();
    expect(watch.isRunning).toBe(true);
    await watch.exit(1);
    expect(watch.isRunning).toBe(true);
    process.kill(-(child.pid ?? Number.NaN), "SIGKILL");
    await watch.exit(60_000);
    expect(watch.isRunning).toBe(false);
  });

  it("does not wait for a browser that has ended", async () => {
    child = spawn("true", [], { detached: true });
    await once(child, "exit");
    const watch = watched();
    await watch.exit(60_000);
    expect(watch.isRunning).toBe(false);
  });
});
