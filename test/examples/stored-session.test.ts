import { cpSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { copySession } from "../../lib/copy-session.ts";
import { useRig } from "../support/rig.ts";
import { Example, ended, runTwice, session } from "./example.ts";

const rig = useRig();
/** The second run of remote-auth.mts. What it has stored, the other examples use. */
let running: Promise<Example> | undefined;

function stored(): Promise<Example> {
  running ??= runTwice("remote-auth.mts", "volume");
  return running;
}

describe("the examples for a session that is stored", () => {
  it("remote-auth.mts comes back without its machine", async () => {
    const second = await stored();
    expect(second.events).toContain("remote_session_restored");
    expect(second.events).not.toContain("qr");
  });

  it("start-all.mts starts each linked session, one that is damaged stopping no other", async () => {
    const cwd = rig.folder();
    cpSync((await stored()).cwd, cwd, { recursive: true, preserveTimestamps: true });
    rmSync(join(cwd, ".wwebjs_auth"), { recursive: true });
    const directory = join(cwd, "volume/sessions");
    const store = new FileStore({ directory });
    for (const name of ["RemoteAuth", "RemoteAuth-unreadable", "RemoteAuth-damaged", "RemoteAuth-deleted"]) {
      await copySession({ from: store, to: store, session: name, fromSession: session });
    }
    const records = await store.openRecords({ session: "Baileys-support" });
    await records.set(new Map([["creds", Buffer.from("x")]]));
    await records.close();
    const unreadable = join(directory, "+remote+auth-unreadable/log");
    for (const name of readdirSync(unreadable)) writeFileSync(join(unreadable, name), "no entry");
    rmSync(join(directory, "+remote+auth-damaged/chunks"), { recursive: true });
    await store.delete({ session: "RemoteAuth-deleted" });

    const all = new Example("start-all.mts", cwd);
    await Promise.all([/RemoteAuth is ready/, /RemoteAuth-support is ready/].map((ready) => all.written(ready)));
    await Promise.all([/RemoteAuth-damaged CORRUPT/, /RemoteAuth-unreadable CORRUPT/].map((one) => all.written(one)));
    await all.end("SIGTERM");
    expect(all.events).not.toContain("qr");
    expect(all.output).not.toMatch(/RemoteAuth-deleted|Baileys/);
  });

  it("recover.mts shows the stored generations, rolls back, and undeletes", async () => {
    const cwd = rig.folder();
    cpSync((await stored()).cwd, cwd, { recursive: true, preserveTimestamps: true });
    const store = new FileStore({ directory: join(cwd, "volume/sessions") });
    const [first, ...later] = (await store.state({ session }))?.generations ?? [];
    expect(later).not.toEqual([]);

    const shown = await ended("recover.mts", cwd, [session, String(first?.generation)]);
    expect(shown.trim().split("\n")).toHaveLength(1 + later.length);
    expect(shown).toMatch(new RegExp(`^${first?.generation}  .* bytes  current`));
    await store.delete({ session });
    expect(await ended("recover.mts", cwd, [session])).toContain("deleted");
    expect(await ended("recover.mts", cwd, [session, "undelete"])).not.toContain("deleted");
    expect(await ended("recover.mts", cwd, ["RemoteAuth-other", "1"])).toContain("nothing was ever stored here");

    const back = new Example("remote-auth.mts", cwd);
    await back.until("ready");
    expect(back.events).toContain("remote_session_restored");
    expect(back.events).not.toContain("qr");
    await back.end("SIGTERM");
  });
});
