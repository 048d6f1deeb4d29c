import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { copySession } from "../../lib/copy-session.ts";
import { useRig } from "../support/rig.ts";
import { scratchFolder } from "../support/scratch.ts";
import { Example, ended, folder, session } from "./example.ts";

const rig = useRig();

const seconds = new Map<string, Promise<Example>>();

/** The second run of an example, on a machine that has only what is `kept` of the first one. Both have ended. */
function secondOf(name: string, kept: string): Promise<Example> {
  const second = seconds.get(name) ?? runTwice(name, kept);
  seconds.set(name, second);
  return second;
}

async function runTwice(name: string, kept: string): Promise<Example> {
  const cwd = scratchFolder("example-");
  const first = new Example(name, cwd);
  await first.until("remote_session_saved");
  expect(await first.end("SIGTERM")).toEqual([null, "SIGTERM"]);
  for (const entry of readdirSync(cwd)) if (entry !== kept) rmSync(join(cwd, entry), { recursive: true });
  const second = new Example(name, cwd);
  await second.until("ready");
  await second.until("remote_session_saved");
  await second.end("SIGTERM");
  return second;
}

describe("the examples", () => {
  it("are short, and are modules in every project", () => {
    const others = ["deploy", "grafana-dashboard.json", "prometheus-alerts.yaml", "commonjs-typescript"];
    const names = readdirSync(folder).filter((name) => !others.includes(name));
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) {
      expect(name).toMatch(/\.mts$/);
      const lines = readFileSync(join(folder, name), "utf8").trimEnd().split("\n").length;
      expect(lines, name).toBeLessThanOrEqual(51);
    }
  });

  it("first-bot.mts links once, and is ready without a QR afterwards", async () => {
    const cwd = rig.folder();
    const first = new Example("first-bot.mts", cwd);
    await first.until("ready");
    expect(await first.end("SIGTERM")).toEqual([null, "SIGTERM"]);
    expect(first.output).toContain("▄");
    const second = new Example("first-bot.mts", cwd);
    await second.until("ready");
    expect(second.events).not.toContain("qr");
    await second.end("SIGTERM");
  });

  it.each([
    ["remote-auth.mts", "volume"],
    ["four-method-store.mts", "zips"],
  ])("%s comes back without its machine", async (name, kept) => {
    const second = await secondOf(name, kept);
    expect(second.events).toContain("remote_session_restored");
    expect(second.events).not.toContain("qr");
  });

  it("by-address.mts comes back without its machine, from the store that the environment names", async () => {
    const [store, name] = [rig.folder(), join(rig.folder(), "address")];
    writeFileSync(name, `file:${store}\n`);
    const start = (): Example => new Example("by-address.mts", rig.folder(), [], { WA_VAULT_STORE_FILE: name });
    const first = start();
    await first.until("remote_session_saved");
    expect(await first.end("SIGTERM")).toEqual([null, "SIGTERM"]);
    expect(first.output).toContain(`sessions are in file:${store}\n`);
    const second = start();
    await second.until("ready");
    await second.end("SIGTERM");
    expect(second.events).not.toContain("qr");
  });

  it("start-all.mts starts each linked session, one that is damaged stopping no other", async () => {
    const cwd = rig.folder();
    cpSync((await secondOf("remote-auth.mts", "volume")).cwd, cwd, { recursive: true, preserveTimestamps: true });
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
    cpSync((await secondOf("remote-auth.mts", "volume")).cwd, cwd, { recursive: true, preserveTimestamps: true });
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
