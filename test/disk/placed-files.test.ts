import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { PlacedFiles, removePlacedFiles } from "../../lib/disk/placed-files.ts";
import { identityOf, type ReplaceableFile } from "../../lib/disk/replaceable-file.ts";
import { compiled } from "../support/compiled.ts";
import { useFolder } from "../support/folder.ts";

let dir: string;
let record: string;
let first: string;
let other: string;
let placed: PlacedFiles;
const folder = useFolder();
beforeEach(async () => {
  dir = folder();
  await mkdir(join(dir, "own"));
  await mkdir(join(dir, "theirs"));
  record = join(dir, "own", "placed.json");
  first = join(dir, "own", "a.zip");
  other = join(dir, "theirs", "a.zip");
  placed = new PlacedFiles(record);
});

async function put(text = "ours"): Promise<ReplaceableFile[]> {
  const made = join(dir, "own", "made.zip");
  await writeFile(made, text);
  return await placed.put(made, [first, other]);
}

const names = async (): Promise<string[]> => (await readdir(dir, { recursive: true })).sort();
const NOTHING = ["own", "theirs"];
const ALL = ["own", "own/a.zip", "own/placed.json", "theirs", "theirs/a.zip"];

describe("files that were put at the paths of others", () => {
  it("are at each path, over the files there, until they are released", async () => {
    await writeFile(other, "old");
    const files = await put();
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining([first, other]));
    expect(await readFile(other, "utf8")).toBe("ours");
    expect((await names()).map((name) => name.replaceAll("\\", "/"))).toEqual(ALL);
    placed.release(files, 0);
    expect(await names()).toEqual(NOTHING);
  });

  it("are removed when their time is over, and the newer ones in their place only with their own", async () => {
    placed.release(await put("one"), 1);
    const files = await put("two");
    // The time of the ones before is over.
    await new Promise((resolve) => setTimeout(resolve, 5));
    placed.removeLeft();
    expect(await readFile(other, "utf8")).toBe("two");
    placed.release(files, 1);
    await expect.poll(names, { timeout: 240_000 }).toEqual(NOTHING);
  });

  it("are kept from a later call of this process, and removed by its end", async () => {
    placed.release(await put(), 1_000_000);
    new PlacedFiles(record).removeLeft();
    expect(existsSync(other)).toBe(true);
    removePlacedFiles();
    expect(await names()).toEqual(NOTHING);
  });

  it("are all removed on request, also those that somebody may read", async () => {
    placed.release(await put(), 1_000_000);
    placed.removeAll();
    expect(await names()).toEqual(NOTHING);
  });

  it.each<[string, string[]]>([
    ["process.exit", []],
    ["all of its work", []],
    ["SIGTERM", []],
    ["SIGKILL", ["a.zip", "b.zip", "placed.json"]],
  ])("are removed by a process that ends by %s, or by the next one", async (end, left) => {
    const script = compiled(fileURLToPath(new URL("fixtures/placed-files.ts", import.meta.url)));
    const child = spawn(process.execPath, [script, join(dir, "own"), end], { stdio: ["ignore", "inherit", "inherit"] });
    await once(child, "close");
    expect((await readdir(join(dir, "own"))).sort()).toEqual(left);
    placed.removeLeft();
    expect(await readdir(join(dir, "own"))).toEqual([]);
  });

  it("that a killed process has left are removed, and nothing else", async () => {
    const [left, temporary, users] = [other, `${other}.0123456789ab.tmp`, join(dir, "theirs", "b.zip")];
    for (const path of [left, temporary, users]) await writeFile(path, "a file");
    const entries = [
      { path: left, identity: identityOf(left) },
      { path: temporary },
      { path: users, identity: "of another file that was here" },
      { path: users },
      { path: join(dir, "gone"), identity: "1 2 3 4" },
    ];
    await writeFile(record, JSON.stringify(entries));
    placed.removeLeft();
    expect((await names()).map((name) => name.replaceAll("\\", "/"))).toEqual(["own", "theirs", "theirs/b.zip"]);
  });

  it("stay when a file of a user has taken their place", async () => {
    const files = await put();
    await rm(other);
    await writeFile(other, "the user's");
    placed.release(files, 0);
    expect(await readFile(other, "utf8")).toBe("the user's");
    expect(existsSync(first)).toBe(false);
    expect(existsSync(record)).toBe(false);
  });

  it.each(["", "{", "null", '[{"path":1},null,{"identity":"x"}]'])("and a record %j remove nothing", async (text) => {
    await writeFile(other, "the user's");
    await writeFile(record, text);
    placed.removeLeft();
    expect(await readFile(other, "utf8")).toBe("the user's");
  });

  it("leave the file there, and no temporary one, where they cannot be put", async () => {
    await mkdir(other);
    await expect(put()).rejects.toThrow();
    expect(await names()).toEqual([...NOTHING, "theirs/a.zip"].map((name) => join(name)).sort());
    await copyFile(new URL(import.meta.url), join(other, "of the user"));
    await expect(put()).rejects.toThrow();
    expect(await readdir(other)).toEqual(["of the user"]);
  });
});
