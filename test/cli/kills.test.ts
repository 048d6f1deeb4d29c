import { spawn } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { profileFiles, writeFiles } from "../contract/profile.ts";
import { exitOf } from "../support/child-exit.ts";
import { compiled } from "../support/compiled.ts";
import { times } from "../support/length.ts";
import { CHANGES, type Change, session } from "./support/changes.ts";
import { runCli } from "./support/run-cli.ts";
import { usePlaces } from "./support/sessions.ts";

const places = usePlaces();

/** How many changes apart the kills are, of a command with many and with few: one is right before each, and one right after it. */
const [FAR, NEAR] = [times(9, 1), times(5, 1)];

/** From a profile of `LocalAuth`, which is in the directory that stands before the store's. */
const MIGRATE: Change = {
  name: "migrate",
  args: ["migrate", "--only", "session-support"],
  prepare: async () => {},
  isDone: async ({ main }) => await main.sessionExists({ session }),
};

async function killedAt(at: number, args: readonly string[], env: NodeJS.ProcessEnv): Promise<boolean> {
  const script = compiled(fileURLToPath(new URL("support/kill-child.ts", import.meta.url)));
  const child = spawn(process.execPath, [script, String(at), ...args], {
    env: { ...process.env, ...env },
    stdio: "ignore",
  });
  const [code, signal] = await exitOf(child);
  if (signal !== "SIGKILL") expect(code).toBe(0);
  return signal === "SIGKILL";
}

const KILLED = [...CHANGES.filter(({ name }) => ["rename", "copy", "copy of Baileys"].includes(name)), MIGRATE];

describe.each(KILLED)("wa-vault $name that is killed (SIGKILL)", (change) => {
  it("leaves what is stored old or new, and ends the work when it is run again", async () => {
    const prepared = places.main;
    await change.prepare(prepared.store());
    const old = places.folder();
    await writeFiles(profileFiles("1"), join(old, "session-support"));
    const stride = change.name === "rename" ? FAR : NEAR;
    let kills = 0;
    for (let at = 0, isKilled = true; isKilled; at += stride) {
      const [main, to] = [places.other(), places.other()];
      if (existsSync(prepared.directory)) cpSync(prepared.directory, main.directory, { recursive: true });
      const env = { WA_VAULT_TO_STORE: to.address, WA_VAULT_FROM: old };
      const args = [...change.args, "--yes", "--store", main.address];
      isKilled = await killedAt(at, args, env);
      if (isKilled) kills++;
      const stores = { main: new FileStore(main), to: new FileStore(to) };
      const isDone = await change.isDone(stores);
      if (!isKilled) expect(isDone).toBe(true);
      const { code, stderr } = await runCli(args, { env });
      expect({ at, code, stderr: code === 0 ? "" : stderr }).toEqual({ at, code: 0, stderr: "" });
      expect(await change.isDone(stores)).toBe(true);
    }
    expect(kills).toBeGreaterThan(1);
  });
});
