import { link, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { NewFiles } from "../../lib/vault/new-files.ts";
import { countCalls } from "../profile/support/disk-calls.ts";
import { useFolder } from "../support/folder.ts";

const content = Buffer.from("first second");
const parts = [
  { offset: 0, bytes: 5, position: 7 },
  { offset: 6, bytes: 6, position: 0 },
];

let dir: string;
const newFolder = useFolder();
beforeEach(() => {
  dir = newFolder();
});

/** Writes so many files; answers their paths. */
async function writeFiles(files: NewFiles, count: number): Promise<string[]> {
  const paths = Array.from({ length: count }, (_, index) => join(dir, `file ${index}`));
  for (const path of paths) await files.create(path);
  for (const part of parts) for (const path of paths) await files.write(path, [part], content);
  for (const path of paths) await files.sync(path);
  return paths;
}

it("opens each file once for its creation, its writes and its sync", async () => {
  const files = new NewFiles();
  const { asynchronous, result: paths } = await countCalls(() => writeFiles(files, 60));
  // It is opened, written twice, and synced.
  expect(asynchronous).toBe(60 * 4);
  for (const path of paths) expect(await readFile(path, "latin1")).toBe("second\0first");
  if (process.platform !== "win32") expect((await stat(paths[0] as string)).mode & 0o777).toBe(0o600);
});

it("writes any number of files with few descriptors", async () => {
  const files = new NewFiles();
  const { asynchronous, result: paths } = await countCalls(() => writeFiles(files, 100));
  // The last 36 are opened for each step.
  expect(asynchronous).toBe(64 * 4 + 36 * 7);
  for (const path of paths) expect(await readFile(path, "latin1")).toBe("second\0first");
});

it("takes no file that is there, and none that a link names", async () => {
  const files = new NewFiles();
  await writeFile(join(dir, "other"), "other");
  await link(join(dir, "other"), join(dir, "link"));
  for (const name of ["other", "link"]) {
    await expect(files.create(join(dir, name))).rejects.toMatchObject({ code: "EEXIST" });
  }
  expect(await readFile(join(dir, "other"), "utf8")).toBe("other");
});

it("closes what was not synced", async () => {
  const files = new NewFiles();
  await files.create(join(dir, "a"));
  await files.close();
  // It is opened anew.
  const { asynchronous } = await countCalls(() => files.write(join(dir, "a"), parts, content));
  expect(asynchronous).toBe(3);
  await files.close();
});
