// docs/what-dies.md says for each accident which test shows it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const rows = readFileSync(join(root, "docs/what-dies.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| (?!accident)/.test(line));

describe("docs/what-dies.md", () => {
  it("has a row for each accident, with five cells", () => {
    expect(rows.length).toBeGreaterThan(25);
    for (const row of rows) expect(row.split("|").length, row).toBe(7);
  });

  it.each(rows.map((row) => [row.split("|")[1]?.trim(), row]))("names a test that exists: %s", (_, row) => {
    const [, path = "", title = ""] = /`(test\/[^`]+)`: "(.+)" \|$/.exec(row) ?? [];
    expect(path, row).not.toBe("");
    expect(existsSync(join(root, path)), path).toBe(true);
    expect(readFileSync(join(root, path), "utf8")).toContain(title);
  });
});
