import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { demoStores } from "../../demo/stores.ts";
import { tell } from "../../demo/story.ts";
import { terminal } from "../../demo/terminal.ts";
import { useRig } from "../support/rig.ts";

const rig = useRig();

function demo(...args: string[]) {
  return spawnSync(process.execPath, ["--import", "tsx", "demo/demo.ts", ...args], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
}

describe("the demo", () => {
  it("ends with 0 when the session came back without a QR", () => {
    const { status, stdout, stderr } = demo();
    expect(status, stdout + stderr).toBe(0);
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

  it("knows its options", () => {
    expect(demo("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--store <kind>") });
    expect(demo("--store", "tape")).toMatchObject({ status: 1, stdout: expect.stringContaining("got tape") });
  });
});
