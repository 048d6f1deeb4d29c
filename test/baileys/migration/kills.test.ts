import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { migrateAuthState } from "../../../lib/baileys/index.ts";
import { seeded } from "../../profile/support/random.ts";
import { compiled } from "../../support/compiled.ts";
import { useFolder } from "../../support/folder.ts";
import { times } from "../../support/length.ts";
import type { Moment } from "../support/disk-steps.ts";
import { type MigrationSpec, type PlaceSpec, placeOf } from "../support/migrate-child.ts";
import { filesIn, multiFileOf } from "../support/multi-file.ts";
import { sampleState } from "../support/sample-state.ts";

const newFolder = useFolder();
const session = "Baileys-bot";

/** Migrates in another process. @returns how many steps it took; `undefined` when it was killed at the one of `spec` */
async function migrateAndDie(spec: MigrationSpec): Promise<number | undefined> {
  const script = compiled(fileURLToPath(new URL("../support/migrate-child.ts", import.meta.url)));
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, [script, JSON.stringify(spec)], (error, stdout, stderr) => {
      if (!error) resolve(Number(stdout));
      else if (error.signal === "SIGKILL") resolve(undefined);
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

/** What a place has: the files of a directory, the records of a store; `undefined` when it has no session. */
async function contentOf(spec: PlaceSpec): Promise<unknown> {
  if ("store" in spec) return await new FileStore({ directory: spec.store }).peekRecords({ session });
  const isThere = (await readdir(join(spec.files, ".."))).includes("auth");
  return isThere ? await filesIn(spec.files) : undefined;
}

describe("a migration whose process is killed with SIGKILL at a step on the disk", () => {
  it.each<[string, () => PlaceSpec]>([
    ["a directory", () => ({ files: join(newFolder(), "auth") })],
    ["a store", () => ({ store: newFolder() })],
  ])("K8: leaves the whole session or none in %s, and goes on when it is called again", async (_, newPlace) => {
    const from = { files: await multiFileOf(sampleState(2), join(newFolder(), "from")) };
    const before = await filesIn(from.files);
    const good = newPlace();
    const steps = (await migrateAndDie({ from, to: good, at: -1, moment: "before" })) ?? 0;
    const whole = await contentOf(good);
    expect(whole).toBeDefined();
    const random = seeded(1);
    const found = new Set<boolean>();
    let kills = 0;
    const lasts = times(6, 20);
    for (let round = 0; round < times(7, 100); round++) {
      // The last steps first, among which is the one that makes it a session; then one long before it, and any.
      const back = round < lasts ? Math.floor(round / 2) * 2 : Math.floor((round === lasts ? 0.5 : random()) * steps);
      const [at, moment]: [number, Moment] = [Math.max(0, steps - 1 - back), round % 2 === 0 ? "before" : "after"];
      const to = newPlace();
      // Where the background had less to do, it may have come to its end before.
      kills += (await migrateAndDie({ from, to, at, moment })) === undefined ? 1 : 0;
      const content = await contentOf(to);
      found.add(content !== undefined);
      if (content !== undefined) expect(content, `killed ${moment} step ${at} of ${steps}`).toEqual(whole);
      const report = await migrateAuthState({ from: placeOf(from), to: placeOf(to) });
      expect(report).toMatchObject({ creds: { copied: content === undefined }, verified: true });
      expect(await contentOf(to)).toEqual(whole);
      if ("files" in to) expect(await readdir(join(to.files, ".."))).toEqual(["auth"]);
    }
    expect(found.size).toBe(2);
    expect(kills).toBeGreaterThan(3);
    expect(await filesIn(from.files)).toEqual(before);
  });
});
