import assert from "node:assert/strict";
import fs, { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "vitest";
import { bytesOf, filesBelow } from "../../bench/tree.ts";
import { useFolder } from "../support/folder.ts";

const newFolder = useFolder();

function writeTree(): string {
  const folder = newFolder();
  mkdirSync(join(folder, "part", "inner"), { recursive: true });
  writeFileSync(join(folder, "part", "a"), "12");
  writeFileSync(join(folder, "part", "inner", "b"), "345");
  writeFileSync(join(folder, "beside"), "6");
  return folder;
}

/** Removes `path` at the moment at which `method` is about to look at it. */
function vanishing<T>(method: "statSync" | "readdirSync", path: string, work: () => T): T {
  const own = fs[method] as (at: string, ...more: unknown[]) => unknown;
  const hooked = (at: string, ...more: unknown[]): unknown => {
    if (at === path) rmSync(path, { recursive: true });
    return own(at, ...more);
  };
  Object.assign(fs, { [method]: hooked });
  syncBuiltinESMExports();
  try {
    return work();
  } finally {
    Object.assign(fs, { [method]: own });
    syncBuiltinESMExports();
  }
}

test("lists the files below a folder, or below its parts that exist", () => {
  const folder = writeTree();
  assert.deepEqual([...filesBelow(folder).keys()].sort(), ["beside", "part/a", "part/inner/b"]);
  assert.deepEqual([...filesBelow(folder, ["part/inner", "none", "beside"]).keys()], ["part/inner/b", "beside"]);
  assert.equal(bytesOf(folder), 6);
});

test.each([
  ["statSync", "part/a", ["beside", "part/inner/b"]],
  ["statSync", "part/inner", ["beside", "part/a"]],
  ["readdirSync", "part/inner", ["beside", "part/a"]],
] as const)("leaves out an entry that is deleted between its listing and %s of %s", (method, path, left) => {
  const folder = writeTree();
  const found = vanishing(method, join(folder, path), () => filesBelow(folder));
  assert.deepEqual([...found.keys()].sort(), left);
});
