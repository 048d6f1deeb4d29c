import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isFree, resolveDirectory, StagedDirectory } from "../../../lib/baileys/multi-file/staged-directory.ts";
import { removeAllTemporary } from "../../../lib/disk/temporary.ts";
import { useFolder } from "../../support/folder.ts";
import { tellSteps } from "../support/disk-steps.ts";

const newFolder = useFolder();

describe("a directory that is filled beside its place", () => {
  it("appears whole, for its owner only", async () => {
    const parent = join(newFolder(), "a", "b");
    const target = join(parent, "auth");
    const staged = await StagedDirectory.begin(target);
    await staged.add("creds.json", "{}");
    expect(await isFree(target)).toBe(true);
    expect(await staged.read("creds.json")).toBe("{}");
    await staged.commit();
    expect(await readdir(parent)).toEqual(["auth"]);
    expect(await readFile(join(target, "creds.json"), "utf8")).toBe("{}");
    expect((await stat(target)).mode & 0o777).toBe(0o700);
    expect((await stat(join(target, "creds.json"))).mode & 0o777).toBe(0o600);
  });

  it("is on disk before it appears, and its name afterwards", async () => {
    const target = join(newFolder(), "auth");
    const steps: string[] = [];
    await tellSteps(
      async () => {
        const staged = await StagedDirectory.begin(target);
        await staged.add("creds.json", "{}");
        await staged.commit();
      },
      (_, moment, name) => moment === "after" && steps.push(name),
    );
    // The file, the names in the directory, and its own name.
    expect(steps.filter((name) => name !== "rmdir")).toEqual([
      "mkdir",
      "mkdir",
      "open",
      "writeFile",
      "sync",
      "sync",
      "rename",
      "sync",
    ]);
  });

  it("is removed when its process ends at once, as long as it has not appeared", async () => {
    const parent = newFolder();
    const half = await StagedDirectory.begin(join(parent, "half"));
    await half.add("creds.json", "{}");
    const whole = await StagedDirectory.begin(join(parent, "whole"));
    await whole.commit();
    removeAllTemporary();
    expect(await readdir(parent)).toEqual(["whole"]);
  });

  it("takes the place of an empty directory, and of nothing else", async () => {
    const folder = newFolder();
    const [empty, used, file] = ["empty", "used", "file"].map((name) => join(folder, name)) as [string, string, string];
    await mkdir(empty);
    await mkdir(used);
    await writeFile(join(used, "x"), "");
    await writeFile(file, "x");
    for (const target of [used, file]) {
      const staged = await StagedDirectory.begin(target);
      await expect(staged.commit()).rejects.toMatchObject({ code: "CONFLICT" });
      await staged.discard();
    }
    await (await StagedDirectory.begin(empty)).commit();
    expect((await readdir(folder)).sort()).toEqual(["empty", "file", "used"]);
    expect(await readdir(used)).toEqual(["x"]);
  });

  it("can appear no more once another one was begun for the same place", async () => {
    const folder = newFolder();
    const target = join(folder, "auth");
    const first = await StagedDirectory.begin(target);
    await first.add("a", "1");
    // Not one for the same place, though its name begins like that.
    const other = await StagedDirectory.begin(`${target}.2`);
    const second = await StagedDirectory.begin(target);
    const overtaken = { code: "CONFLICT", message: expect.stringContaining("another migration to it has begun") };
    await expect(first.add("b", "2")).rejects.toMatchObject(overtaken);
    await expect(first.read("a")).rejects.toMatchObject(overtaken);
    await expect(first.commit()).rejects.toMatchObject(overtaken);
    await first.discard();
    await second.add("c", "3");
    await second.commit();
    await other.commit();
    expect(await readdir(target)).toEqual(["c"]);
    expect((await readdir(folder)).sort()).toEqual(["auth", "auth.2"]);
  });

  it("removes what interrupted ones have left, and nothing else", async () => {
    const folder = newFolder();
    const left = [".auth.0123456789ab.migrating", ".auth.0123456789ab.removed"];
    const others = [".auth.migrating", ".auth.2.0123456789ab.migrating", "auth.bak"];
    for (const name of [...left, ...others]) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "x"), "");
    }
    const staged = await StagedDirectory.begin(join(folder, "auth"));
    await staged.discard();
    expect((await readdir(folder)).sort()).toEqual(others.sort());
  });

  it.each(["../x", "a/b", "", "a\0b", "a".repeat(256)])(
    "takes no file outside of it, or that no disk takes: %j",
    async (name) => {
      const staged = await StagedDirectory.begin(join(newFolder(), "auth"));
      await expect(staged.add(name, "")).rejects.toMatchObject({ code: "INVALID" });
    },
  );

  it("takes a name once", async () => {
    const staged = await StagedDirectory.begin(join(newFolder(), "auth"));
    await staged.add("a", "");
    await expect(staged.add("a", "")).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("two records"),
    });
  });

  it("is for a place that a path names, behind links", async () => {
    const folder = newFolder();
    expect(await resolveDirectory(join(folder, "x", "..", "none"))).toBe(join(folder, "none"));
    for (const path of [undefined, "", 5, "a\0"]) {
      await expect(resolveDirectory(path)).rejects.toMatchObject({ code: "INVALID" });
    }
  });
});
