import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { exportSession } from "../../lib/session-file/export-session.ts";
import { readSessionFile } from "../../lib/session-file/import-session.ts";
import { profileFiles } from "../contract/profile.ts";
import { exitOf } from "../support/child-exit.ts";
import { useFolder } from "../support/folder.ts";
import { PROFILE, saveFiles } from "./support/sessions.ts";

const folder = useFolder();
const program = fileURLToPath(new URL("support/kill-export.ts", import.meta.url));

it("an export that is killed leaves the file of before, and one that is known by its name", async () => {
  const [directory, place] = [folder(), folder()];
  const to = join(place, "x.wavault");
  await saveFiles(new FileStore({ directory }), profileFiles("linked"));
  await writeFile(to, "mine");
  const args = ["--import", import.meta.resolve("tsx"), program, directory, PROFILE, to];
  const child = spawn(process.execPath, args, { stdio: "inherit", env: { ...process.env, TMPDIR: folder() } });
  const [code, signal] = await exitOf(child);
  expect({ code, signal }).toEqual({ code: null, signal: "SIGKILL" });
  const names = (await readdir(place)).sort();
  expect(names).toEqual([expect.stringMatching(/^\.x\.wavault\.[0-9a-f]{12}\.tmp$/), "x.wavault"]);
  expect(await readFile(to, "utf8")).toBe("mine");
  await exportSession({ from: new FileStore({ directory }), session: PROFILE, to, overwrite: true });
  expect(await readSessionFile({ from: to })).toMatchObject({ session: PROFILE });
}, 60_000);
