import { appendFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { ReplaceableFile } from "../../../lib/auth/store/replaceable-file.ts";
import { useFolder } from "../../support/folder.ts";

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

/** Puts another file at the path, as another process would. */
async function replace(text: string): Promise<void> {
  await writeFile(join(dir, "theirs"), text);
  await ReplaceableFile.move(join(dir, "theirs"), path);
}

describe("ReplaceableFile", () => {
  it("moves a file over another one, and is there until it is removed", async () => {
    await writeFile(path, "old");
    const file = await ReplaceableFile.move(made, path);
    expect(await readFile(path, "utf8")).toBe("ours");
    expect(await readdir(dir)).toEqual(["session.zip"]);
    expect(file.isThere()).toBe(true);
    file.remove();
    expect(file.isThere()).toBe(false);
    expect(await readdir(dir)).toEqual([]);
    file.remove();
  });

  it("copies a file over another one, and leaves no temporary file", async () => {
    await writeFile(path, "old");
    const file = await ReplaceableFile.copy(made, path);
    expect(await readFile(path, "utf8")).toBe("ours");
    expect((await readdir(dir)).sort()).toEqual(["made.zip", "session.zip"]);
    expect(file.isThere()).toBe(true);
  });

  it("leaves the old file, and no temporary file, when there is nothing to copy", async () => {
    await writeFile(path, "old");
    await rm(made);
    await expect(ReplaceableFile.copy(made, path)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await readdir(dir)).toEqual(["session.zip"]);
    expect(await readFile(path, "utf8")).toBe("old");
  });

  it.each<[string, () => Promise<void>]>([
    ["another file with the same content", () => replace("ours")],
    ["another file", () => replace("theirs")],
    ["longer content", () => appendFile(path, "!")],
  ])("is not there after it was replaced by %s, and does not remove that", async (_, change) => {
    const file = await ReplaceableFile.move(made, path);
    await change();
    const content = await readFile(path, "utf8");
    expect(file.isThere()).toBe(false);
    file.remove();
    expect(await readFile(path, "utf8")).toBe(content);
  });

  it("is not there after another process has removed it", async () => {
    const file = await ReplaceableFile.move(made, path);
    await rm(path);
    expect(file.isThere()).toBe(false);
    file.remove();
  });
});
