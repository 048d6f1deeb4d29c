import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { StaleRead } from "../../../lib/profile/capture/errors.ts";
import { CheckedFiles } from "../../../lib/profile/checked-files.ts";
import type { CaptureFile } from "../../../lib/store.ts";
import { useFolder } from "../../support/folder.ts";
import { times } from "../../support/length.ts";
import { trustFiles } from "../support/clock.ts";
import { interleave } from "../support/interleave.ts";
import { SQLITE_DB, sqliteProfile, writeFiles } from "../support/small-profile.ts";
import { smallSqlite, walBytes } from "../support/sqlite-bytes.ts";
import { verifyCapture } from "../support/verify-capture.ts";

// A write-ahead log that is stored, and was scanned before, is neither read nor copied by a capture. Whatever SQLite
// does to it meanwhile, the capture can be read, or has nothing that the store lacks.

const STEPS = 70;
/** In `npm test` a change comes at every third step, and each of the three begins with another one. */
const EVERY = times(3, 1);
const LOG = `${SQLITE_DB}-wal`;
const [schema, older, newer] = [smallSqlite()[0], smallSqlite(["new"])[1], smallSqlite(["newest"])[1]] as [
  Buffer,
  Buffer,
  Buffer,
];
/** As `sqliteProfile` has it. */
const first = { page: 2, commit: 3, data: older };
const newFolder = useFolder();

function overwrite(dir: string, name: string, bytes: Buffer, at = 0): void {
  const fd = openSync(join(dir, name), "r+");
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

it.each<[string, number, (dir: string) => void, (wal: Buffer | undefined) => boolean]>([
  [
    "a commit is added",
    0,
    (dir) => overwrite(dir, LOG, walBytes([first, { page: 2, commit: 3, data: newer }])),
    (wal) => [1, 2].some((frames) => wal?.length === 32 + frames * 536),
  ],
  [
    "a frame is added that is not committed",
    1,
    (dir) => overwrite(dir, LOG, walBytes([first, { page: 1, commit: 0, data: schema }])),
    (wal) => wal?.equals(walBytes([first])) === true,
  ],
  [
    "the log is written into the database and begun anew",
    2,
    (dir) => {
      overwrite(dir, SQLITE_DB, older, 512);
      overwrite(dir, LOG, walBytes([{ page: 2, commit: 3, data: newer }], { salt: 9 }));
    },
    () => true,
  ],
])("a capture is whole when %s at any of its steps", async (_name, turn, change, isState) => {
  const root = newFolder();
  const dirs = Array.from({ length: Math.ceil(STEPS / EVERY) }, (_, index) => join(root, `profile-${index}`));
  for (const dir of dirs) await writeFiles(dir, sqliteProfile());
  await trustFiles(root);
  const profiles: { dir: string; stored: readonly CaptureFile[]; checked: CheckedFiles }[] = [];
  for (const dir of dirs) {
    const checked = new CheckedFiles();
    const capture = await captureProfile(dir, { live: true, checked });
    await capture.close();
    profiles.push({ dir, stored: capture.files, checked });
  }
  let [reached, read, stale] = [0, 0, 0];
  for (const [index, { dir, stored, checked }] of profiles.entries()) {
    const at = index * EVERY + (turn % EVERY);
    let step = 0;
    const capture = await interleave(
      () => step++ === at && change(dir),
      () => captureProfile(dir, { live: true, stored, checked }),
    );
    try {
      if (step <= at) break;
      reached++;
      const known = new Map(stored.map(({ path, identity }) => [path, identity]));
      const changed = capture.files.filter(({ path, identity }) => !identity || known.get(path) !== identity);
      let wal: Buffer | undefined;
      for (const file of changed) {
        const bytes = await file.read(0, file.size).catch((error: unknown) => error);
        // As a save does, which then begins anew.
        if (bytes instanceof StaleRead) {
          if (file.path === LOG) stale++;
          continue;
        }
        expect(bytes, `step ${at} of ${step}: ${file.path}`).toBeInstanceOf(Buffer);
        if (file.path === LOG) wal = bytes as Buffer;
      }
      if (wal === undefined) continue;
      read++;
      expect(isState(wal), `step ${at} of ${step}`).toBe(true);
      expect((await verifyCapture(capture)).problems, `step ${at} of ${step}`).toEqual([]);
    } finally {
      await capture.close();
    }
  }
  expect(reached * EVERY).toBeGreaterThan(20);
  // The last steps of a capture are among them.
  expect(reached).toBeLessThan(profiles.length);
  expect(read * EVERY).toBeGreaterThan(20);
  // What comes after the log was looked at for the last time is met by the store.
  expect(stale).toBeLessThan(5);
});
