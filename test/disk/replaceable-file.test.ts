import { appendFile, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { identityOf, ReplaceableFile } from "../../lib/disk/replaceable-file.ts";
import { useFolder } from "../support/folder.ts";

let dir: string;
let made: string;
let path: string;
const folder = useFolder();
beforeEach(async () => {
  dir = folder();
  made = join(dir, "made.zip");
  path = join(dir, "session.zip");
  await writeFile(made, "ours");
});

async function moved(from: string, to: string): Promise<ReplaceableFile> {
  await rename(from, to);
  return new ReplaceableFile(to, identityOf(to));
}

/** Puts another file at the path, as another process would. */
async function replace(text: string): Promise<void> {
  await writeFile(join(dir, "theirs"), text);
  await moved(join(dir, "theirs"), path);
}

describe("ReplaceableFile", () => {
  it("is there until it is removed", async () => {
    await writeFile(path, "old");
    const file = await moved(made, path);
    expect(await readFile(path, "utf8")).toBe("ours");
    expect(await readdir(dir)).toEqual(["session.zip"]);
    expect(file.isThere()).toBe(true);
    file.remove();
    expect(file.isThere()).toBe(false);
    expect(await readdir(dir)).toEqual([]);
    file.remove();
  });

  it.each<[string, () => Promise<void>]>([
    ["another file with the same content", () => replace("ours")],
    ["another file", () => replace("theirs")],
    ["longer content", () => appendFile(path, "!")],
  ])("is not there after it was replaced by %s, and does not remove that", async (_, change) => {
    const file = await moved(made, path);
    await change();
    const content = await readFile(path, "utf8");
    expect(file.isThere()).toBe(false);
    file.remove();
    expect(await readFile(path, "utf8")).toBe(content);
  });

  it("is not there after another process has removed it", async () => {
    const file = await moved(made, path);
    await rm(path);
    expect(file.isThere()).toBe(false);
    file.remove();
  });
});
