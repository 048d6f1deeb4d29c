import { renameSync } from "node:fs";
import { appendFile, readdir, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { useFolder } from "../../support/folder.ts";
import { countReads } from "../../torture/count-reads.ts";
import { capture, contents, onOpen, text } from "../support/captures.ts";
import { trustFiles } from "../support/clock.ts";
import { INDEXED_DB, LOCAL_STORAGE, levelDbProfile, sqliteProfile, writeFiles } from "../support/small-profile.ts";
import { verifyCapture } from "../support/verify-capture.ts";

const newFolder = useFolder();
let root: string;
let dir: string;

beforeEach(() => {
  root = newFolder();
  dir = join(root, "profile");
});

describe.each([
  { form: "LevelDB", profile: levelDbProfile },
  { form: "SQLite", profile: sqliteProfile },
])("a capture of $form", ({ profile }) => {
  it.each([true, false])("holds the files that carry the session and no others (live: %s)", async (live) => {
    await writeFiles(dir, {
      ...profile(),
      "Default/Cookies": "x",
      SingletonLock: "x",
      "Default/Local Storage/x.tmp": "x",
    });
    const taken = await capture(dir, { live });
    const wanted = Object.entries(profile())
      .filter(([path]) => !/Preferences$|\/LO(?:G|CK)$/.test(path))
      .map(([path, content]) => [path, text(content)]);
    expect(await contents(taken)).toEqual(Object.fromEntries(wanted));
    expect(await verifyCapture(taken)).toMatchObject({ problems: [], empty: false, profile: taken.profile });
    expect(taken.live).toBe(live);
    expect(taken.spreadMs).toBe(0);
    expect(taken.files.map(({ path }) => path)).toEqual(taken.files.map(({ path }) => path).sort());
  });

  it("can be read after every file was deleted or overwritten", async () => {
    await writeFiles(dir, profile());
    const taken = await capture(dir);
    const before = await contents(taken);
    for (const { path, change } of taken.files) {
      if (change === "never") await unlink(join(dir, path));
      else if (change === "append") await appendFile(join(dir, path), "more");
      else await writeFile(join(dir, path), Buffer.alloc((await stat(join(dir, path))).size, 1));
    }
    expect(await contents(taken)).toEqual(before);
  });

  it("leaves nothing beside the profile, neither while it is open nor after", async () => {
    await writeFiles(dir, profile());
    const taken = await capture(dir, { maxOpenFiles: 0 });
    expect(await readdir(root)).toEqual(["profile"]);
    await taken.close();
    await taken.close();
    expect(await readdir(root)).toEqual(["profile"]);
  });

  it("holds the same bytes whether files are held open or copied", async () => {
    await writeFiles(dir, profile());
    const [held, copied] = [await capture(dir), await capture(dir, { maxOpenFiles: 0 })];
    expect(await contents(copied)).toEqual(await contents(held));
  });

  it("refuses a read past the end of a file, and every read after it was closed", async () => {
    await writeFiles(dir, profile());
    const taken = await capture(dir, { live: false });
    const file = taken.files.find(({ path, size }) => size > 20 && !path.endsWith("Version"));
    if (!file) throw new Error("no file");
    await expect(file.read(file.size - 4, 5)).rejects.toMatchObject({ code: "CORRUPT" });
    expect((await file.read(file.size - 4, 4)).length).toBe(4);
    await taken.close();
    await expect(file.read(0, 4)).rejects.toMatchObject({ code: "INVALID" });
  });

  it("neither copies nor checks stored files again", async () => {
    await writeFiles(dir, profile());
    await trustFiles(dir);
    const first = await countReads(() => capture(dir));
    const second = await countReads(() => capture(dir, { stored: first.result.files }));
    const once = await countReads(() => contents(first.result));
    expect(await contents(second.result)).toEqual(once.result);
    expect(second.bytes).toBeLessThan(first.bytes - 500);
  });
});

describe("captureProfile", () => {
  it("rejects for a profile without storage, instead of capturing an empty session", async () => {
    await expect(captureProfile(join(root, "absent"), { live: true })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await writeFiles(dir, { "Default/Preferences": "{}" });
    await expect(capture(dir)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it.each(["indexedDb", "localStorage"] as const)("rejects for a profile that has lost its %s", async (store) => {
    await writeFiles(dir, levelDbProfile());
    await rm(join(dir, dirname(store === "indexedDb" ? INDEXED_DB : LOCAL_STORAGE)), { recursive: true });
    const expected = { indexedDb: "leveldb", localStorage: "leveldb" } as const;
    await expect(capture(dir, { live: false, expected })).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(/has no .* any more/),
    });
    expect((await capture(dir, { expected: {} })).files.length).toBeGreaterThan(0);
  });

  it("captures a storage that has moved to the other form since the last generation", async () => {
    await writeFiles(dir, sqliteProfile());
    const taken = await capture(dir, { expected: { indexedDb: "leveldb", localStorage: "leveldb" } });
    expect(taken.profile).toMatchObject({ indexedDb: "sqlite", localStorage: "sqlite" });
  });

  it("captures a live profile whose missing table reappears between two attempts", async () => {
    await writeFiles(dir, levelDbProfile());
    const late = join(dir, `${INDEXED_DB}/000008.ldb`);
    await rename(late, join(root, "late"));
    let attempts = 0;
    onOpen(join(dir, `${INDEXED_DB}/CURRENT`), () => ++attempts === 5 && renameSync(join(root, "late"), late));
    expect((await verifyCapture(await capture(dir))).problems).toEqual([]);
    expect(attempts).toBeGreaterThanOrEqual(5);
  });

  it("rejects with the signal's reason, aborted before it begins or between two attempts", async () => {
    await writeFiles(dir, levelDbProfile());
    const reason = new Error("enough");
    await expect(capture(dir, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await rm(join(dir, `${INDEXED_DB}/CURRENT`));
    const controller = new AbortController();
    let attempts = 0;
    onOpen(join(dir, `${INDEXED_DB}/CURRENT`), () => ++attempts === 3 && controller.abort(reason));
    await expect(capture(dir, { signal: controller.signal })).rejects.toBe(reason);
    expect(attempts).toBe(3);
  });
});
