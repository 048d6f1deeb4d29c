import { chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MemoryStore } from "../../adapters/memory.ts";
import { copySession } from "../../lib/copy-session.ts";
import { makeTemporary, withTemporary } from "../../lib/disk/temporary.ts";
import { filesIn, profileFiles, writeZip } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";

const newFolder = useFolder();
const session = "RemoteAuth-x";
let folder: string;

beforeEach(() => {
  folder = newFolder();
});
afterEach(() => void vi.unstubAllEnvs());

/** Values of TMPDIR that take no file. */
const BAD: [what: string, make: () => string][] = [
  ["does not exist", () => join(folder, "absent/tmp")],
  [
    "is a file",
    () => {
      writeFileSync(join(folder, "file"), "x");
      return join(folder, "file");
    },
  ],
  ["is a pseudo file system", () => "/proc"],
];

describe.each(BAD)("a TMPDIR that %s", (_what, make) => {
  it("is named when there is no other folder", async () => {
    const bad = make();
    vi.stubEnv("TMPDIR", bad);
    await expect(makeTemporary()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(`Could not write temporary files in ${bad}: E`),
      hint: expect.stringMatching(/Set TMPDIR to a folder/),
    });
    await expect(makeTemporary(join(folder, "absent/x.zip"))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(`in ${bad}, nor in ${join(folder, "absent")}: E`),
    });
  });

  it("is no reason not to save or read a zip: it is unpacked beside it, and nothing is left", async () => {
    vi.stubEnv("TMPDIR", make());
    const store = new MemoryStore();
    const path = join(folder, "zips", `${session}.zip`);
    await writeZip(profileFiles("one"), path);
    await store.save({ session, path });
    await store.extract({ session, path: join(folder, "zips/again.zip") });
    expect(readdirSync(join(folder, "zips")).sort()).toEqual([`${session}.zip`, "again.zip"].sort());
    expect(existsSync(join(folder, "zips/again.zip"))).toBe(true);
  });

  it("keeps a session from being copied, and that is said", async () => {
    const from = new MemoryStore();
    const path = join(folder, "zips", `${session}.zip`);
    await writeZip(profileFiles("one"), path);
    await from.save({ session, path });
    const bad = make();
    vi.stubEnv("TMPDIR", bad);
    const to = new MemoryStore();
    await expect(copySession({ from, to, session })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(bad),
    });
    expect(await to.sessionExists({ session })).toBe(false);
  });
});

it("a folder for temporary files is the user's alone", async () => {
  vi.stubEnv("TMPDIR", folder);
  chmodSync(folder, 0o777);
  const made = await makeTemporary();
  expect(await filesIn(made)).toEqual({});
  expect(made.startsWith(join(folder, "wa-vault-"))).toBe(true);
});

it.each(["ends", "fails"])("a folder for work is removed when the work %s", async (how) => {
  vi.stubEnv("TMPDIR", folder);
  const work = withTemporary(async (made) => {
    writeFileSync(join(made, "file"), "x");
    if (how === "fails") throw new Error("the work has failed");
    return readdirSync(folder).length;
  });
  await (how === "fails" ? expect(work).rejects.toThrow("the work has failed") : expect(work).resolves.toBe(1));
  expect(readdirSync(folder)).toEqual([]);
});
