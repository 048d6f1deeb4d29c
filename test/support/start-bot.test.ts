import { existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { identify, isAlive, processTree } from "./process-tree.ts";
import { useRig } from "./rig.ts";

const rig = useRig();

function chromiumOf(pid: number): number | undefined {
  return processTree(pid).find((each) => each !== pid && commandOf(each).includes("--user-data-dir="));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

it.runIf(existsSync("/proc/self/cmdline"))(
  "a bot that vanishes before it has told of its browser leaves none",
  async () => {
    const bot = rig.start({ strategy: "local", dataPath: rig.folder() });
    let found: number | undefined;
    // It tells once puppeteer is connected, some time after the process is there.
    for (; bot.count("browser_started") === 0; await delay(5)) {
      found = chromiumOf(bot.pid);
      if (found !== undefined) break;
    }
    const browser = identify(found ?? bot.browserPid());
    await bot.vanish();
    expect(isAlive(browser)).toBe(false);
    expect(processTree(browser.pid)).toEqual([]);
  },
);
