import { describe, expect, it } from "vitest";
import { pathProblem } from "../../lib/disk/safe-paths.ts";

const long = "x".repeat(255);

describe("the paths of a profile", () => {
  it("may be any names that every disk takes", () => {
    const paths = [
      "a",
      "Default/Local Storage/leveldb/000003.log",
      ".hidden",
      "a b",
      "ä",
      "console",
      "com",
      "com10",
      long,
    ];
    expect(pathProblem(paths)).toBeUndefined();
    expect(pathProblem([])).toBeUndefined();
  });

  it.each([
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a\\b",
    "C:",
    "a\0",
    "a\u001f",
    "a\u007f",
    "a<",
    "a>",
    'a"',
    "a|",
    "a?",
    "a*",
    "a.",
    "a ",
    "a./b",
    "CON",
    "nul.txt",
    "a/Com1",
    "lpt9.x.y",
    `${long}x`,
    `${"ä".repeat(127)}xx`,
  ])("may not be %j", (path) => {
    expect(pathProblem(["fine", path])).toBe(`${JSON.stringify(path.slice(0, 200))} is no safe path`);
  });

  it("may be 4096 characters long, and no longer", () => {
    const path = `${`${"x".repeat(127)}/`.repeat(31)}${"x".repeat(128)}`;
    expect(path).toHaveLength(4096);
    expect(pathProblem([path])).toBeUndefined();
    expect(pathProblem([`${path}x`])).toContain("is no safe path");
  });

  it.each([
    ["a/b", "a/b"],
    ["a/b", "A/B"],
    ["ä", "a\u0308"],
    ["straße", "STRASSE"],
    ["ς", "σ"],
  ])("may not hold the same file twice: %j and %j", (one, two) => {
    expect(pathProblem([one, two])).toBe(`${JSON.stringify(two)} occurs twice`);
  });

  it.each([
    ["a", "a/b"],
    ["a/b", "A"],
    ["a/b/c", "a/B"],
  ])("may not hold a file that is a directory too: %j and %j", (one, two) => {
    expect(pathProblem([one, two])).toMatch(/is a file and a directory$/);
    expect(pathProblem([two, one])).toMatch(/is a file and a directory$/);
  });
});
