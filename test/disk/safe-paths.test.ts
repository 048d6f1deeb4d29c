import { describe, expect, it } from "vitest";
import { pathProblem, SafePaths } from "../../lib/disk/safe-paths.ts";

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
    ["", "is empty"],
    ["/a", "is absolute"],
    ["a/", "is the name of a directory"],
    ["a//b", "leads out of its directory"],
    [".", "leads out of its directory"],
    ["..", "leads out of its directory"],
    ["a/../b", "leads out of its directory"],
    ["a\\b", "holds a backslash"],
    ["C:", "is absolute"],
    ["c:/a", "is absolute"],
    ["a\0", "holds a control character or is not UTF-8"],
    ["a\u001f", "holds a control character or is not UTF-8"],
    ["a\u007f", "holds a control character or is not UTF-8"],
    ["a\ufffd", "holds a control character or is not UTF-8"],
    ["a<", "cannot be a name on Windows"],
    ["a>", "cannot be a name on Windows"],
    ['a"', "cannot be a name on Windows"],
    ["a|", "cannot be a name on Windows"],
    ["a?", "cannot be a name on Windows"],
    ["a*", "cannot be a name on Windows"],
    ["ab:c", "cannot be a name on Windows"],
    ["a.", "cannot be a name on Windows"],
    ["a ", "cannot be a name on Windows"],
    ["a./b", "cannot be a name on Windows"],
    ["CON", "cannot be a name on Windows"],
    ["nul.txt", "cannot be a name on Windows"],
    ["a/Com1", "cannot be a name on Windows"],
    ["lpt9.x.y", "cannot be a name on Windows"],
    [`${long}x`, "is too long"],
    [`${"ä".repeat(127)}xx`, "is too long"],
    [`${"a/".repeat(64)}b`, "is too deep"],
  ])("may not be %j", (path, why) => {
    const named = path.length > 200 ? `${path.slice(0, 200)}…` : path;
    expect(pathProblem(["fine", path])).toBe(`${JSON.stringify(named)} ${why}`);
  });

  it("may be 4096 bytes long and 64 segments deep, and no more", () => {
    const path = `${`${"x".repeat(127)}/`.repeat(31)}${"x".repeat(128)}`;
    expect(path).toHaveLength(4096);
    expect(pathProblem([path])).toBeUndefined();
    expect(pathProblem([`${path}x`])).toMatch(/is too long$/);
    expect(pathProblem([path.replace("x", "ä")])).toMatch(/is too long$/);
    expect(pathProblem([`${"a/".repeat(63)}b`])).toBeUndefined();
  });

  it("may not occur twice", () => {
    expect(pathProblem(["a/b", "c", "a/b"])).toBe('"a/b" occurs twice');
  });

  it.each([
    ["a/b", "a/B"],
    ["ä", "a\u0308"],
    ["straße", "STRASSE"],
    ["ς", "σ"],
  ])("may not be the same file on a disk that ignores case or composition: %j and %j", (one, two) => {
    expect(pathProblem([one, two])).toBe(`${JSON.stringify(one)} and ${JSON.stringify(two)} are the same name`);
  });

  it.each([
    ["a/b", "A/B"],
    ["a/b", "A/c"],
    ["ä/b", "a\u0308/c"],
  ])("may not be in directories that are the same on such a disk: %j and %j", (one, two) => {
    const [first, second] = [one, two].map((path) => JSON.stringify(path.split("/")[0]));
    expect(pathProblem([one, two])).toBe(`${first} and ${second} are the same name`);
  });

  it.each([
    ["a", "a/b"],
    ["a/b", "A"],
    ["a/b/c", "a/B"],
  ])("may not be a file and a directory: %j and %j", (one, two) => {
    expect(pathProblem([one, two])).toMatch(/is a file and a directory$/);
    expect(pathProblem([two, one])).toMatch(/is a file and a directory$/);
  });
});

describe("the names of an archive", () => {
  it("may list a directory once, before or after the files in it", () => {
    const names = new SafePaths();
    const added = [names.add("a", true), names.add("a/b"), names.add("c/d/e"), names.add("c/d", true)];
    expect(added).toEqual([undefined, undefined, undefined, undefined]);
    expect(names.add("a", true)).toBe('"a" occurs twice');
    expect(names.add("c/d", true)).toBe('"c/d" occurs twice');
    expect(names.add("a")).toBe('"a" is a file and a directory');
    expect(names.add("A", true)).toBe('"a" and "A" are the same name');
  });

  it("may have 64 Mi characters, those of their directories included, and no more", () => {
    const names = new SafePaths();
    const parent = "p".repeat(250);
    let problem: string | undefined;
    let characters = parent.length;
    for (let index = 0; problem === undefined; index++) {
      const path = `${parent}/${String(index).padStart(250, "0")}`.padEnd(4000, `/${"q".repeat(200)}`);
      problem = names.add(path);
      if (problem === undefined) characters += path.length;
    }
    expect(problem).toBe("there are too many names");
    expect(characters).toBeLessThan(64 * 1024 * 1024);
  });
});
