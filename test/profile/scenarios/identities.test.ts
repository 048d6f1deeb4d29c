import { readdir, rename, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Capture } from "../../../lib/store.ts";
import { useFolder } from "../../support/folder.ts";
import { capture, contents, isSmall } from "../support/captures.ts";
import { stopClock, trustFiles } from "../support/clock.ts";
import { levelDbProfile, sqliteProfile, writeFiles } from "../support/small-profile.ts";

const MINUTE = 60_000;
const newFolder = useFolder();
let root: string;
let dir: string;

beforeEach(() => {
  root = newFolder();
  dir = join(root, "profile");
});

/** Modification times in the past: old enough to be trusted. */
async function age(path: string, ms = MINUTE): Promise<void> {
  const at = new Date(Date.now() - ms);
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), at, at);
  }
}

describe.each([
  { form: "LevelDB", profile: levelDbProfile },
  { form: "SQLite", profile: sqliteProfile },
])("the identities of the files in a capture of $form", ({ profile }) => {
  it("gives no identity to a file that was changed less than two seconds ago, whatever its modification time", async () => {
    stopClock(Date.now());
    await writeFiles(dir, profile());
    await age(dir);
    const fresh = await capture(dir);
    expect(fresh.files.filter(({ path, identity }) => identity !== undefined && !isSmall(path))).toEqual([]);
  });

  it("gives an unchanged file the same identity, and another once its times have changed", async () => {
    await writeFiles(dir, profile());
    await trustFiles(dir);
    const [first, second] = [await capture(dir), await capture(dir)];
    const identities = (taken: Capture) => taken.files.map(({ path, identity }) => `${path} ${identity}`);
    expect(identities(second)).toEqual(identities(first));
    expect(first.files.filter(({ identity }) => identity === undefined)).toEqual([]);

    const changed = first.files.find(({ change, path }) => change !== "never" && !/CURRENT|Version/.test(path));
    const path = join(dir, changed?.path ?? "");
    await utimes(path, new Date(), new Date(Date.now() - 3 * MINUTE));
    const third = await capture(dir);
    expect(third.files.find((file) => file.path === changed?.path)?.identity).not.toBe(changed?.identity);
  });

  it("gives another identity to a file that was replaced or overwritten, whatever its size and modification time", async () => {
    await writeFiles(dir, profile());
    await trustFiles(dir);
    const first = await capture(dir, { live: false });
    const files = first.files.filter(({ identity }) => identity !== undefined);
    expect(files.length).toBeGreaterThan(2);
    const before = await contents(first);
    await first.close();
    for (const [index, { path, size }] of files.entries()) {
      const at = join(dir, path);
      const { atime, mtime } = await stat(at);
      // Bytes that verify still: the files themselves, in a file of its own or in place.
      const bytes = Buffer.from(before[path] as string, "latin1");
      if (index % 2 === 0) await rename(at, `${root}/old`);
      await writeFile(at, bytes);
      await utimes(at, atime, mtime);
      expect((await stat(at)).size).toBeGreaterThanOrEqual(size);
    }
    const known = new Set(
      files.filter(({ path }) => !isSmall(path)).map(({ path, identity }) => `${path} ${identity}`),
    );
    const isKnown = (taken: Capture) => taken.files.filter(({ path, identity }) => known.has(`${path} ${identity}`));
    expect(isKnown(await capture(dir))).toEqual([]);
    await trustFiles(dir);
    expect(isKnown(await capture(dir))).toEqual([]);
  });
});
