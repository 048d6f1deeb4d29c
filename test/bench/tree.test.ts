import assert from "node:assert/strict";
import { promises } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "vitest";
import { bytesOf, filesBelow } from "../../bench/tree.ts";
import { useFolder } from "../support/folder.ts";

const newFolder = useFolder();

async function writeTree(): Promise<string> {
  const folder = newFolder();
  await mkdir(join(folder, "part", "inner"), { recursive: true });
  await writeFile(join(folder, "part", "a"), "12");
  await writeFile(join(folder, "part", "inner", "b"), "345");
  await writeFile(join(folder, "beside"), "6");
  return folder;
}

/** Removes `path` at the moment at which `method` is about to look at it. */
async function vanishing<T>(method: "stat" | "readdir", path: string, work: () => Promise<T>): Promise<T> {
  const own = promises[method] as (at: string, ...more: unknown[]) => Promise<unknown>;
  const hooked = async (at: string, ...more: unknown[]): Promise<unknown> => {
    if (at === path) await rm(path, { recursive: true });
    return await own(at, ...more);
  };
  Object.assign(promises, { [method]: hooked });
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    Object.assign(promises, { [method]: own });
    syncBuiltinESMExports();
  }
}

test("lists the files below a folder, or below its parts that exist", async () => {
  const folder = await writeTree();
  assert.deepEqual([...(await filesBelow(folder)).keys()].sort(), ["beside", "part/a", "part/inner/b"]);
  assert.deepEqual(
    [...(await filesBelow(folder, ["part/inner", "none", "beside"])).keys()],
    ["part/inner/b", "beside"],
  );
  assert.equal(await bytesOf(folder), 6);
});

test.each([
  ["stat", "part/a", ["beside", "part/inner/b"]],
  ["stat", "part/inner", ["beside", "part/a"]],
  ["readdir", "part/inner", ["beside", "part/a"]],
] as const)("leaves out an entry that is deleted between its listing and %s of %s", async (method, path, left) => {
  const folder = await writeTree();
  const found = await vanishing(method, join(folder, path), () => filesBelow(folder));
  assert.deepEqual([...found.keys()].sort(), left);
});
