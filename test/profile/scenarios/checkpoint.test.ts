import { closeSync, openSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { StaleRead } from "../../../lib/profile/capture/errors.ts";
import type { Capture, CaptureFile } from "../../../lib/store.ts";
import { useFolder } from "../../support/folder.ts";
import { times } from "../../support/length.ts";
import { trustFiles } from "../support/clock.ts";
import { interleave } from "../support/interleave.ts";
import { SQLITE_DB, sqliteProfile, writeFiles } from "../support/small-profile.ts";
import { smallSqlite } from "../support/sqlite-bytes.ts";
import { verifyCapture } from "../support/verify-capture.ts";

// A checkpoint writes the log into the database in place and leaves the log as it is. A database that is stored already
// is not copied by a capture: after the checkpoint its bytes are not the captured ones any more.

const PAGE_BYTES = 512;
const newFolder = useFolder();
let root: string;

beforeEach(() => {
  root = newFolder();
});

function checkpoint(dir: string): void {
  const fd = openSync(join(dir, SQLITE_DB), "r+");
  writeSync(fd, smallSqlite(["new"])[1] as Buffer, 0, PAGE_BYTES, PAGE_BYTES);
  closeSync(fd);
}

/** Profiles with the same files and trustworthy timestamps, and the files that are stored of each. */
async function storedProfiles(count: number): Promise<{ dir: string; stored: readonly CaptureFile[] }[]> {
  const dirs = Array.from({ length: count }, (_, index) => join(root, `profile-${index}`));
  for (const dir of dirs) await writeFiles(dir, sqliteProfile());
  await trustFiles(root);
  const profiles: { dir: string; stored: readonly CaptureFile[] }[] = [];
  for (const dir of dirs) {
    const capture = await captureProfile(dir, { live: true });
    await capture.close();
    profiles.push({ dir, stored: capture.files });
  }
  return profiles;
}

function databaseOf(capture: Capture): CaptureFile {
  const found = capture.files.find(({ path }) => path === SQLITE_DB);
  if (found === undefined) throw new Error("There is no database.");
  return found;
}

it("a capture with a checkpoint at any of its steps is whole and can be read", async () => {
  const every = times(3, 1);
  const profiles = await storedProfiles(Math.ceil(80 / every));
  let [reached, copied] = [0, 0];
  for (const [index, { dir, stored }] of profiles.entries()) {
    const at = index * every;
    let step = 0;
    const capture = await interleave(
      () => step++ === at && checkpoint(dir),
      () => captureProfile(dir, { live: true, stored }),
    );
    if (step > at) reached++;
    else checkpoint(dir);
    try {
      const database = databaseOf(capture);
      const known = stored.find(({ path }) => path === SQLITE_DB)?.identity;
      // The store has it, or it can be read.
      if (step > at && database.identity !== known) {
        copied++;
        expect(await database.read(0, database.size)).toHaveLength(3 * PAGE_BYTES);
        expect((await verifyCapture(capture)).problems, `checkpoint before step ${at}`).toEqual([]);
      }
    } finally {
      await capture.close();
    }
  }
  expect(reached * every).toBeGreaterThan(20);
  expect(reached).toBeLessThan(profiles.length);
  expect(copied * every).toBeGreaterThan(10);
});

it.each([
  ["writes into the database", checkpoint],
  ["makes the database shorter", (dir: string) => truncateSync(join(dir, SQLITE_DB), PAGE_BYTES)],
])(
  "a read rejects with StaleRead after a checkpoint that %s, and another capture can be taken",
  async (_what, change) => {
    const [profile] = await storedProfiles(1);
    if (profile === undefined) throw new Error("There is no profile.");
    const { dir, stored } = profile;
    const capture = await captureProfile(dir, { live: true, stored });
    change(dir);
    await expect(databaseOf(capture).read(PAGE_BYTES, 10)).rejects.toBeInstanceOf(StaleRead);
    await capture.close();
    await writeFiles(dir, sqliteProfile());
    const other = await captureProfile(dir, { live: true });
    expect((await verifyCapture(other)).problems).toEqual([]);
    await other.close();
  },
);
