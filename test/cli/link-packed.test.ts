import { beforeAll, describe, expect, it } from "vitest";
import { useFolder } from "../support/folder.ts";
import { type Project, projectIn } from "../support/packed-package.ts";
import { scratchFolder } from "../support/scratch.ts";

const folder = useFolder();
let project: Project;

beforeAll(async () => {
  project = await projectIn(scratchFolder("link-packed-"));
});

describe("wa-vault link of the packed package", () => {
  it.each([
    ["whatsapp-web.js", [], "whatsapp-web.js"],
    ["Baileys", ["--baileys"], "baileys"],
  ])("says how %s is had, where it is not installed", (_, more, name) => {
    const args = ["--offline", "wa-vault", "link", "support", "--store", `file:${folder()}`, "--headless", ...more];
    expect(() => project.run("npx", args)).toThrow(
      new RegExp(`\\b${name}\`.+not installed[^]+npx --package=wa-vault --package=${name} wa-vault`),
    );
  });

  it("finds that of the project", () => {
    project.provide("whatsapp-web.js");
    const args = [
      "--offline",
      "wa-vault",
      "link",
      "support",
      "--store",
      `file:${folder()}`,
      "--browser",
      "/nowhere/chrome",
    ];
    expect(() => project.run("npx", args)).toThrow("`--browser` names /nowhere/chrome");
  });
});
