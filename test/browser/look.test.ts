import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { printOfProfile } from "../../lib/browser/look.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();
/** Refuses to list the folders with this name, as a disk does that belongs to another user. */
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const readdir = async (path: string, ...rest: []): Promise<unknown> => {
    if (String(path).endsWith("lost+found")) throw Object.assign(new Error("EACCES"), { code: "EACCES" });
    return await real.readdir(path, ...rest);
  };
  return { ...real, readdir };
});

it("a folder that this user may not read hides no change of the other files", async () => {
  const dir = folder();
  await mkdir(join(dir, "lost+found"));
  await writeFile(join(dir, "file"), "x");
  const before = await printOfProfile(dir);
  expect(before).toContain("lost+found EACCES");
  expect(await printOfProfile(dir)).toBe(before);
  await appendFile(join(dir, "file"), "x");
  expect(await printOfProfile(dir)).not.toBe(before);
});

it("a missing profile has the same print each time", async () => {
  const missing = join(folder(), "missing");
  expect(await printOfProfile(missing)).toBe(await printOfProfile(missing));
});
