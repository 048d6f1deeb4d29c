import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { findChromium } from "../support/chromium.ts";
import { useRig } from "../support/rig.ts";

useRig();

/** Looks for a Chromium in a process with this environment. */
function find(env: Record<string, string>) {
  const source = fileURLToPath(new URL("../support/chromium.ts", import.meta.url));
  const script = `const { findChromium } = await import(${JSON.stringify(source)});
    try { console.log(findChromium().how) } catch (error) { console.log(error.message) }`;
  const args = ["--import", "tsx", "--input-type=module", "--eval", script];
  // PUPPETEER_CACHE_DIR: a browser that puppeteer may have downloaded is not looked at.
  return spawnSync(process.execPath, args, {
    env: { PUPPETEER_CACHE_DIR: "/nonexistent", HOME: process.env.HOME, ...env },
    encoding: "utf8",
  }).stdout.trim();
}

describe("finding a Chromium", () => {
  it("prefers the Chromium in PUPPETEER_EXECUTABLE_PATH", () => {
    const { executablePath } = findChromium();
    expect(find({ PUPPETEER_EXECUTABLE_PATH: executablePath, PATH: "/nonexistent" })).toBe(
      `chromium: ${executablePath} (PUPPETEER_EXECUTABLE_PATH)`,
    );
  });

  it("throws when PUPPETEER_EXECUTABLE_PATH names no file", () => {
    expect(find({ PUPPETEER_EXECUTABLE_PATH: "/nonexistent/chromium" })).toContain("/nonexistent/chromium");
  });

  it("throws with the next steps when there is no Chromium", () => {
    const said = find({ PATH: "/nonexistent" });
    expect(said).toContain("No Chromium was found: install one");
    expect(said).toContain("PUPPETEER_EXECUTABLE_PATH");
  });
});
