import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useRig } from "../support/rig.ts";
import { Example, folder, runTwice } from "./example.ts";

const rig = useRig();

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

  it("four-method-store.mts comes back without its machine", async () => {
    const second = await runTwice("four-method-store.mts", "zips");
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
});
