import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { useFolder } from "../support/folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = useFolder();

/** By name, the text of each page in a folder. */
function pages(of: string): Record<string, string> {
  const names = readdirSync(of, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(of, name), "utf8")]));
}

it("docs/api is made from the docstrings, of which none is missing: `npm run docs:api` writes it", () => {
  const made = join(folder(), "api");
  // Throws, with what it has said, when a docstring is missing or a link leads nowhere.
  execFileSync(process.execPath, [join(root, "scripts/api-reference/main.mjs"), made], { cwd: root, stdio: "pipe" });
  expect(pages(join(root, "docs/api"))).toEqual(pages(made));
});

it("docs/api has a page for each entry of the package", () => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { exports: object };
  const entries = Object.keys(exports).filter((name) => name !== "./package.json");
  const names = entries.map((name) => `${name.replace(".", "wa-vault")}.md`);
  expect(Object.keys(pages(join(root, "docs/api"))).sort()).toEqual(["README.md", ...names].sort());
});
